// Parses the command line: makes a commander program from the command table, and turns commander's errors into sentences.
import { Command, CommanderError, Option } from "commander";
import { complaint, helpColumns, usageProblem } from "@waggle/daemon/terminal";
import type { CommandSpec, Context, DaemonSpec, Words } from "./command.ts";
import { commandLoaders, withSettings } from "./command-loaders.ts";
import { commandTable, daemonTable, type CommandName } from "./command-table.ts";
import { exitCodes, failureOf, wrongUse } from "./cli-error.ts";
import { adviceOn } from "./foreign-words.ts";

/** Always resolves with the exit code; a failure is one sentence on stderr. */
export async function runCommandLine(argv: readonly string[], context: Context): Promise<number> {
  try {
    return await dispatch(argv, context);
  } catch (error) {
    const { message, exitCode } = failureOf(error);
    if (message !== undefined) context.err.write(complaint("waggle", message, context.err.style));
    return exitCode;
  }
}

async function dispatch(argv: readonly string[], context: Context): Promise<number> {
  const chosen: { readonly name: CommandName; readonly words: Words }[] = [];
  const row = commandTable.find(({ name }) => name === argv[0]);
  const program = createProgram(context, row && (await withSettings(row)), (name, words) =>
    chosen.push({ name, words }),
  );
  try {
    program.parse(wordsToParse(argv), { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return exitCodes.ok;
    throw wrongUse(usageMessage(error, program, argv), { cause: error });
  }
  const [command] = chosen;
  if (command === undefined) return exitCodes.ok;
  const { run } = await commandLoaders[command.name]();
  return (await run(context, command.words)) ?? exitCodes.ok;
}

/** Drops the words after an unknown command. Commander would take `--help` in `waggle nonsense --help` as the program's flag, and list the commands. */
function wordsToParse(argv: readonly string[]): string[] {
  const [first = "--help", ...others] = argv;
  const known = first.startsWith("-") || [...daemonTable, ...commandTable].some(({ name }) => name === first);
  return known ? [first, ...others] : [first];
}

function usageMessage(error: CommanderError, program: Command, argv: readonly string[]): string {
  const [name = ""] = argv;
  const named = program.commands.find((command) => command.name() === name);
  const help = named === undefined ? "waggle --help lists the commands" : `waggle ${name} --help says more`;
  const [, option] = /unknown option '([^'=]*)/.exec(error.message) ?? [];
  const advice = adviceOn(name, named === undefined ? undefined : (option ?? ""));
  const problem = usageProblem(error, named);
  if (advice === undefined) return `${problem} (${help}.)`;
  // Commander's guess of a similar name is worse.
  return `${problem.replace(/ Did you mean .*$/, "")} ${advice} (${help}.)`;
}

type Choose = (name: CommandName, words: Words) => void;

/** @param named the command of the command line */
function createProgram(context: Context, named: CommandSpec | undefined, choose: Choose): Command {
  const program = base(new Command("waggle"), context)
    .description("Run language models on this machine, and talk to them.")
    .usage("<command> [options]")
    .version(`waggle ${context.config.version}`, "--version", "print the version")
    .helpCommand(false)
    .addHelpText("after", "\nwaggle <command> --help describes a command.");
  for (const spec of daemonTable) program.addCommand(daemonEntry(spec, context));
  for (const spec of commandTable) {
    const full = spec.name === named?.name ? named : spec;
    program.addCommand(commandOf(full, context, (words) => choose(spec.name, words)));
  }
  return program;
}

/** Adds a daemon to the list of commands only: `main` hands the arguments to the daemon, which parses them. */
function daemonEntry({ name, summary, usage }: DaemonSpec, context: Context): Command {
  return base(new Command(name), context).summary(summary).usage(usage);
}

function commandOf(spec: CommandSpec, context: Context, choose: (words: Words) => void): Command {
  const command = base(new Command(spec.name), context)
    .summary(spec.summary)
    .description(`${spec.summary.charAt(0).toUpperCase()}${spec.summary.slice(1)}.`)
    .allowExcessArguments(false)
    .addHelpText("after", `\nExamples:\n${spec.examples.map((example) => `  ${example}`).join("\n")}`);
  for (const { name, help, required, variadic } of spec.arguments ?? []) {
    const word = variadic === true ? `${name}...` : name;
    command.argument(required === true ? `<${word}>` : `[${word}]`, help);
  }
  for (const { flags, help, repeatable } of spec.options ?? []) {
    const option = new Option(flags, help);
    if (repeatable === true) option.argParser((value, before: string[] | undefined) => [...(before ?? []), value]);
    command.addOption(option);
  }
  return command.action(() => {
    // An unset variable of a script. Commander takes it for an argument.
    const empty = spec.arguments?.find(({ variadic }, i) => variadic !== true && command.args[i] === "");
    if (empty !== undefined) {
      const help = `waggle ${spec.name} --help says more`;
      throw wrongUse(`The argument <${empty.name}> is empty. (${help}.)`);
    }
    choose(commandWords(command));
  });
}

function base(command: Command, { out }: Context): Command {
  return command
    .exitOverride()
    .helpOption("-h, --help", "print this help")
    .configureOutput({
      writeOut: (text) => out.write(text),
      // Commander writes no errors, because `runCommandLine` writes them as sentences.
      writeErr: () => {},
      getOutHelpWidth: helpColumns,
      getOutHasColors: () => false,
    });
}

function commandWords(command: Command): Words {
  const options = command.opts<Record<string, unknown>>();
  return {
    args: command.args,
    text: (option) => (typeof options[option] === "string" ? options[option] : undefined),
    list: (option) => (Array.isArray(options[option]) ? (options[option] as string[]) : []),
    has: (option) => options[option] === true,
  };
}
