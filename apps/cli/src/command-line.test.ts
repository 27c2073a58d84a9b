import { describe, expect, it } from "vitest";
import { commandLoaders } from "./command-loaders.ts";
import { commandTable } from "./command-table.ts";
import { runCommand } from "./testing/run-command.ts";

describe("the command line", () => {
  it("lists the commands without arguments and with --help", async () => {
    const { code, out } = await runCommand([]);
    expect(code).toBe(0);
    for (const { name, summary } of commandTable) expect(out).toMatch(new RegExp(`^ {2}${name} .*${summary}$`, "m"));
    expect(out).toContain("serve  ");
    expect(await runCommand(["--help"])).toEqual({ code, out, err: "" });
    expect(await runCommand(["--version"])).toEqual({ code: 0, out: "waggle 1.2.3\n", err: "" });
  });

  it.each(commandTable.map(({ name }) => name))("%s --help has an example, and the command has code", async (name) => {
    const { code, out } = await runCommand([name, "--help"]);
    expect(code).toBe(0);
    expect(out).toMatch(new RegExp(`^Examples:\n  .*waggle ${name}`, "m"));
    expect(typeof (await commandLoaders[name]()).run).toBe("function");
  });

  it.each([
    [["nonsense"], "Unknown command 'nonsense'. (waggle --help lists the commands.)"],
    [["nonsense", "--help"], "Unknown command 'nonsense'. (waggle --help lists the commands.)"],
    [["lits"], "Unknown command 'lits'. Did you mean list? (waggle --help lists the commands.)"],
    [["ls"], "Unknown command 'ls'. Use waggle list. (waggle --help lists the commands.)"],
    [
      ["create", "x"],
      "Unknown command 'create'. Waggle serves GGUF files without a Modelfile: waggle serve <file>. (waggle --help lists the commands.)",
    ],
    [
      ["push", "a"],
      "Unknown command 'push'. Waggle downloads models only: upload them with the tools of their hub. (waggle --help lists the commands.)",
    ],
    [
      ["run", "-m", "bee.gguf"],
      "Unknown option '-m'. Name the model as the first word. (waggle run --help says more.)",
    ],
    [["logs", "--tail=5"], "Unknown option '--tail=5'. Use --lines <n>. (waggle logs --help says more.)"],
    [["rm"], "The argument <model> is missing. (waggle rm --help says more.)"],
    [["cancel", ""], "The argument <job> is empty. (waggle cancel --help says more.)"],
    [["show", "a", "b"], "Too many arguments (2): at most 1 is allowed. (waggle show --help says more.)"],
    [["ps", "--url"], "The option --url <url> needs a value. (waggle ps --help says more.)"],
    [["ps", "--json=true"], "The option --json takes no value. (waggle ps --help says more.)"],
    [["ps", "--jso"], "Unknown option '--jso'. Did you mean --json? (waggle ps --help says more.)"],
    [["ps", "--what"], "Unknown option '--what'. (waggle ps --help says more.)"],
    [["run"], 'The prompt is missing. Example: waggle run "Why is the sky blue?"'],
    [
      ["run", "a", "b", "c"],
      'Too many arguments (3): put the prompt in quotes. Example: waggle run "Why is the sky blue?"',
    ],
    [
      ["run", "hi", "--set", "temperature=hot"],
      expect.stringMatching(/^Cannot set temperature to "hot": .*number/) as string,
    ],
    [
      ["load", "bee", "--keep-alive", "soon"],
      expect.stringMatching(/^Cannot use --keep-alive soon: .*"5m"\.$/) as string,
    ],
  ])("%j is refused with a sentence", async (argv, message) => {
    const { code, out, err } = await runCommand(argv);
    expect({ code, out }).toEqual({ code: 64, out: "" });
    expect(err).toMatch(/^waggle: .*\n$/);
    expect(err.slice("waggle: ".length, -1)).toEqual(message);
  });
});
