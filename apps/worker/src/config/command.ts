// Owns the command line: which flags commander knows, and what --help says. It neither validates values nor knows
// defaults' meaning.
import { exitCodes } from "@waggle/protocol";
import { Command, CommanderError, Option } from "commander";
import type { Machine } from "./machine.ts";
import { variableOf } from "./option-row.ts";
import type { OptionRow } from "./option-row.ts";
import { optionRows } from "./option-table.ts";
import type { OptionKey } from "./option-table.ts";

export type CommandLine =
  | { readonly kind: "flags"; readonly flags: ReadonlyMap<OptionKey, string> }
  /** --help or --version: print this and leave. */
  | { readonly kind: "print"; readonly text: string }
  | { readonly kind: "error"; readonly message: string };

const helpColumns = 110;
/** It takes models without their flag: see serve-arguments. */
const serveProgram = "waggle serve";

export function parseCommandLine(argv: readonly string[], told: Pick<Machine, "version" | "program">): CommandLine {
  let printed = "";
  const options = optionRows.map(([key, row]) => [key, createOption(row)] as const);
  const command = createCommand(
    told,
    options.map(([, option]) => option),
    (text) => (printed += text),
  );
  try {
    command.parse([...argv], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { kind: "print", text: printed };
    return { kind: "error", message: error.message.replace(/^error: /, "").replace(/\n/g, " ") };
  }
  const given = command.opts<Record<string, string | true>>();
  const flags = new Map<OptionKey, string>();
  for (const [key, option] of options) {
    const value = given[option.attributeName()];
    if (value !== undefined) flags.set(key, String(value));
  }
  return { kind: "flags", flags };
}

function createCommand(
  { version, program }: Pick<Machine, "version" | "program">,
  options: readonly Option[],
  print: (text: string) => void,
): Command {
  const command = new Command(program)
    .description("Runs GGUF models and streams their tokens over HTTP.")
    .usage(program === serveProgram ? "[models...] [options]" : "[options]")
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
    .addHelpText("after", afterHelp(program));
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

function afterHelp(program: string): string {
  const example = optionRows.find(([, row]) => row.flag === "drain-timeout")?.[1] ?? { flag: "port" };
  const codes = {
    [exitCodes.ok]: "left as asked",
    [exitCodes.badConfiguration]: "bad configuration",
    [exitCodes.portTaken]: "the port is taken",
    [exitCodes.internal]: "a defect of ours",
    [exitCodes.modelCannotBeLoaded]: "the model cannot be loaded",
    [exitCodes.abortedByInterrupt]: "aborted by a second SIGINT, or the drain took too long",
    [exitCodes.abortedByTermination]: "the same with SIGTERM",
  };
  return `
Values:
  Durations are 500ms, 30s, 2m or 1h; a bare number is seconds. Sizes are 65536, 64KiB, 4MiB or 1GiB.
  Each flag is a variable too: --${example.flag} is ${variableOf(example)}. In a --config file it is ${example.flag}: 30s.
  A flag wins over its variable, and that over the file.
  The API token is the variable WAGGLE_API_TOKEN or stands in --api-token-file; it is no flag, since others can
  see a command line. HF_TOKEN opens private Hugging Face models.

Examples:
  ${program} --local-mode
  ${program} --local-mode --ollama
  ${program} --local-mode --model ./llama-3.2-1b-q4_k_m.gguf --slots 4
  ${program} --local-mode --model chat=./llama-3.2-1b-q4_k_m.gguf --model embed=hf:user/embedder:Q8_0
  WAGGLE_API_TOKEN=… ${program} --host 0.0.0.0 --hive-url http://hive:7700 --advertise-url http://worker-1:7711

Exit codes:
${Object.entries(codes)
  .map(([code, meaning]) => `  ${code.padEnd(4)} ${meaning}`)
  .join("\n")}`;
}
