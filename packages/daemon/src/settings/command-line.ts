// Parses the command line with commander, and makes the text of --help. It validates no values.
import { Command, CommanderError, Help, Option } from "commander";
import { exitCodeHelp, type exitCodes } from "@waggle/protocol";
import { helpColumns, usageProblem } from "../terminal/index.ts";
import { tokenVariable } from "../tokens/read-tokens.ts";
import { variableOf, type OptionRow, type OptionRows } from "./option-row.ts";

export type CommandLine<K extends string> =
  | { readonly kind: "flags"; readonly flags: ReadonlyMap<K, string> }
  /** For --help, --help-all and --version: print this text and exit. */
  | { readonly kind: "print"; readonly text: string }
  | { readonly kind: "error"; readonly message: string };

const helpAll = "--help-all";
const lastGroup = "Other:";

export interface ProgramHelp {
  readonly description: string;
  /** The words after the program's name in the usage line of the help; by default, the program's options. */
  readonly usage?: string | undefined;
  /** A setting with a default. As an example, the help shows the setting's variable and name in the file. */
  readonly example: OptionRow;
  /** Further lines of the help, about values. */
  readonly notes?: readonly string[];
  readonly examples: readonly string[];
  readonly exitCodes: readonly (keyof typeof exitCodes)[];
  /** Flags of similar programs, with advice on what to use instead. */
  readonly foreignFlags?: Readonly<Record<string, string>>;
}

export interface ProgramFacts extends ProgramHelp {
  readonly version: string;
  /** The command as a user types it: `waggle serve`, `waggle-worker`. */
  readonly program: string;
}

export function parseCommandLine<T extends OptionRows>(
  argv: readonly string[],
  table: T,
  facts: ProgramFacts,
): CommandLine<keyof T & string> {
  let printed = "";
  const rows = Object.entries(table) as [keyof T & string, OptionRow][];
  const foreign = foreignProblem(argv, facts);
  if (foreign !== undefined) return { kind: "error", message: foreign };
  // Like --help, --help-all works even when other arguments are wrong.
  const listAll = argv.includes(helpAll);
  // Only a help leaves out advanced settings. Without a help they are visible, because commander suggests only visible options.
  const showAll = listAll || !argv.some((word) => word === "--help" || word.startsWith("-h"));
  const options = rows.map(([key, row]) => [key, createOption(row, showAll)] as const);
  const command = createCommand(
    facts,
    options.map(([, option]) => option),
    (text) => (printed += text),
  );
  if (!listAll && rows.some(([, row]) => row.advanced)) {
    command.addOption(new Option(helpAll, "print this help with all settings").helpGroup(lastGroup));
  }
  try {
    command.parse(listAll ? ["--help"] : [...argv], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { kind: "print", text: printed };
    return { kind: "error", message: usageProblem(error, command) };
  }
  const given = command.opts<Record<string, string | true>>();
  const flags = new Map<keyof T & string, string>();
  for (const [key, option] of options) {
    const value = given[option.attributeName()];
    if (value !== undefined) flags.set(key, String(value));
  }
  return { kind: "flags", flags };
}

/** Advice on the first flag of another program. Commander would take `-hf` for `-h`. */
function foreignProblem(argv: readonly string[], { foreignFlags = {} }: ProgramFacts): string | undefined {
  for (const word of argv) {
    const [flag = ""] = word.split("=", 1);
    const advice = Object.hasOwn(foreignFlags, flag) ? foreignFlags[flag] : undefined;
    if (advice !== undefined) return `Unknown option '${flag}'. ${advice}`;
  }
  return undefined;
}

function createCommand(facts: ProgramFacts, options: readonly Option[], print: (text: string) => void): Command {
  const { version, program, description, usage = "[options]" } = facts;
  const command = new Command(program)
    .description(description)
    .usage(usage)
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({
      writeOut: print,
      writeErr: () => {},
      getOutHelpWidth: helpColumns,
      getOutHasColors: () => false,
    });
  for (const option of options) command.addOption(option);
  return command
    .optionsGroup(lastGroup)
    .version(`${program} ${version}`, "--version", "print the version")
    .helpOption("-h, --help", "print this help")
    .addHelpText("after", afterHelp(facts));
}

function afterHelp({ example, notes = [], examples, exitCodes }: ProgramFacts): string {
  const { flag, default: value = "…" } = example;
  const values = [
    "Durations are 500ms, 30s, 2m or 1h; a bare number is seconds. Sizes are 65536, 64KiB, 4MiB or 1GiB.",
    `Each flag is also a variable: --${flag} is ${variableOf(example)}. In a --config file it is ${flag}: ${value}. A flag wins over its variable, and the variable over the file.`,
    `The API token is in the variable ${tokenVariable} or in --api-token-file. There is no flag for it, because other users of the machine can see a command line.`,
    ...notes,
  ];
  return `
Values:
${values.map(wrapped).join("\n")}

Examples:
${examples.map((line) => `  ${line}\n`).join("")}
Exit codes:
${exitCodeHelp(exitCodes)}`;
}

function createOption(row: OptionRow, showAll: boolean): Option {
  const option = new Option(row.flags, row.help + defaultNote(row))
    .helpGroup(`${row.group}:`)
    .hideHelp(row.hidden === true || (row.advanced === true && !showAll));
  const { repeatable } = row;
  if (repeatable !== undefined) {
    option.argParser((value, before: string | undefined) =>
      before === undefined ? value : before + repeatable + value,
    );
  }
  return option;
}

function defaultNote(row: OptionRow): string {
  const text = row.defaultText ?? row.default;
  return text === undefined || text === "false" ? "" : ` (default: ${text})`;
}

/** The text in indented lines of the help's width. */
function wrapped(text: string): string {
  return new Help().boxWrap(text, helpColumns() - 2).replaceAll(/^/gm, "  ");
}
