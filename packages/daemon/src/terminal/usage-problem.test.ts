import { Argument, Command, CommanderError, Option } from "commander";
import { expect, it } from "vitest";
import { usageProblem } from "./usage-problem.ts";

function program(): Command {
  const show = new Command("show")
    .argument("<model>", "a model")
    .option("--url <url>", "an address")
    .addOption(new Option("--context, --context-size <tokens>", "tokens"))
    .addOption(new Option("--type <type>", "a type").choices(["q8_0", "q4_0"]))
    .addOption(new Option("--all", "all").conflicts("some"))
    .option("--some", "some")
    .option("--json", "JSON");
  const ps = new Command("ps").allowExcessArguments(false);
  const pull = new Command("pull").requiredOption("--from <url>", "source");
  const gpu = new Command("gpu").addArgument(new Argument("<device>", "a device").choices(["cuda", "vulkan"]));
  const model = new Command("model").addCommand(new Command("synth"));
  const all = new Command("waggle");
  for (const command of [show, ps, pull, gpu, model]) all.addCommand(command);
  for (const command of [all, ...all.commands, ...model.commands]) {
    command
      .allowExcessArguments(false)
      .exitOverride()
      .configureOutput({ writeErr: () => {} });
  }
  return all;
}

/** Returns commander's code, and our sentence. */
function problemOf(argv: readonly string[]): readonly [code: string, sentence: string] {
  const waggle = program();
  try {
    waggle.parse([...argv], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return [
      error.code,
      usageProblem(
        error,
        waggle.commands.find((one) => one.name() === argv[0]),
      ),
    ];
  }
  throw new Error("The command line was accepted");
}

it.each<[readonly string[], code: string, sentence: string]>([
  [["nonsense"], "unknownCommand", "Unknown command 'nonsense'."],
  [["shwo"], "unknownCommand", "Unknown command 'shwo'. Did you mean show?"],
  [["pp"], "unknownCommand", "Unknown command 'pp'. Did you mean ps?"],
  [["model", "sinth"], "unknownCommand", "Unknown command 'sinth'. Did you mean synth?"],
  [["model"], "help", "The command is missing."],
  [["ps", "--nonsense"], "unknownOption", "Unknown option '--nonsense'."],
  [["show", "--jsn"], "unknownOption", "Unknown option '--jsn'. Did you mean --json?"],
  [["show", "--soe"], "unknownOption", "Unknown option '--soe'. Did you mean --some?"],
  [["show", "--jome"], "unknownOption", "Unknown option '--jome'. Did you mean --some?"],
  [["show", "-json"], "unknownOption", "Unknown option '-json'. Did you mean --json?"],
  [["show", "a", "--json=true"], "unknownOption", "The option --json takes no value."],
  [["show", "--it's"], "unknownOption", "Unknown option '--it's'."],
  [["show", `--${"x".repeat(500)}`], "unknownOption", `Unknown option '--${"x".repeat(78)}'.`],
  [["show"], "missingArgument", "The argument <model> is missing."],
  [["show", "a", "b", "c"], "excessArguments", "Too many arguments (3): at most 1 is allowed."],
  [["ps", "a"], "excessArguments", "Too many arguments (1): only options are allowed."],
  [["show", "a", "--url"], "optionMissingArgument", "The option --url <url> needs a value."],
  [["show", "a", "--context"], "optionMissingArgument", "The option --context, --context-size <tokens> needs a value."],
  [["show", "a", "--type", "q9"], "invalidArgument", "Cannot use --type q9: it must be one of q8_0, q4_0."],
  [["gpu", "voodoo"], "invalidArgument", "Cannot use voodoo as <device>: it must be one of cuda, vulkan."],
  [["show", "a", "--all", "--some"], "conflictingOption", "The options --all and --some exclude each other."],
  [["pull"], "missingMandatoryOptionValue", "The option --from <url> is missing."],
])("%j is refused with our sentence", (argv, code, sentence) => {
  expect(problemOf(argv)).toEqual([`commander.${code}`, sentence]);
});

it("names all similar words", () => {
  const error = new CommanderError(
    1,
    "commander.unknownOption",
    "error: unknown option '--ab'\n(Did you mean one of --a, --b, --c?)",
  );
  expect(usageProblem(error)).toBe("Unknown option '--ab'. Did you mean --a, --b or --c?");
});

it("says another sentence for a code or a message that it does not know", () => {
  expect(usageProblem(new CommanderError(1, "commander.new", "error: something new"))).toBe(
    "Cannot read the command line.",
  );
  expect(usageProblem(new CommanderError(1, "commander.missingArgument", "something else"))).toBe(
    "Cannot read the command line.",
  );
});
