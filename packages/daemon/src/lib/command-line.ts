// Owns the command line: which flags commander knows, and what --help says. It neither validates values nor knows
// defaults' meaning.
import { Command, CommanderError, Option } from "commander";
import { usageProblem } from "@waggle/terminal";
import type { OptionRow, OptionRows } from "./option-row.ts";

export type CommandLine<K extends string> =
  | { readonly kind: "flags"; readonly flags: ReadonlyMap<K, string> }
  /** --help or --version: print this and leave. */
  | { readonly kind: "print"; readonly text: string }
  | { readonly kind: "error"; readonly message: string };

const helpColumns = 110;
export interface ProgramFacts {
  readonly version: string;
  /** What started it, as a person types it. */
  readonly program: string;
  readonly description: string;
  /** What follows its name; by default its options. */
  readonly usage?: string;
  /** What the help ends with. */
  readonly afterHelp: string;
}

export function parseCommandLine<T extends OptionRows>(
  argv: readonly string[],
  table: T,
  facts: ProgramFacts,
): CommandLine<keyof T & string> {
  let printed = "";
  const rows = Object.entries(table) as [keyof T & string, OptionRow][];
  const options = rows.map(([key, row]) => [key, createOption(row)] as const);
  const command = createCommand(
    facts,
    options.map(([, option]) => option),
    (text) => (printed += text),
  );
  try {
    command.parse([...argv], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { kind: "print", text: printed };
    return { kind: "error", message: usageProblem(error.message) };
  }
  const given = command.opts<Record<string, string | true>>();
  const flags = new Map<keyof T & string, string>();
  for (const [key, option] of options) {
    const value = given[option.attributeName()];
    if (value !== undefined) flags.set(key, String(value));
  }
  return { kind: "flags", flags };
}

function createCommand(
  { version, program, description, usage = "[options]", afterHelp }: ProgramFacts,
  options: readonly Option[],
  print: (text: string) => void,
): Command {
  const command = new Command(program)
    .description(description)
    .usage(usage)
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({
      writeOut: print,
      writeErr: () => {},
      getOutHelpWidth: () => helpColumns,
      getOutHasColors: () => false,
    });
  for (const option of options) command.addOption(option);
  return command
    .optionsGroup("Other:")
    .version(`${program} ${version}`, "--version", "print the version")
    .helpOption("-h, --help", "print this help")
    .addHelpText("after", afterHelp);
}

function createOption(row: OptionRow): Option {
  const flags = row.value === undefined ? `--${row.flag}` : `--${row.flag} <${row.value}>`;
  const option = new Option(flags, row.help + defaultNote(row))
    .helpGroup(`${row.group}:`)
    .hideHelp(row.hidden === true);
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
