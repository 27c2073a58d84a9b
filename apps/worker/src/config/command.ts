// Owns the worker's command line: what --help says beside its settings.
import { parseCommandLine, variableOf } from "@waggle/daemon";
import { exitCodeHelp } from "@waggle/protocol";
import type { CommandLine } from "@waggle/daemon";
import type { Machine } from "./machine.ts";
import { optionTable } from "./option-table.ts";
import type { OptionKey } from "./option-table.ts";

/** It takes models without their flag: see serve-arguments. */
const serveProgram = "waggle serve";

export function parseWorkerCommand(
  argv: readonly string[],
  { version, program }: Pick<Machine, "version" | "program">,
): CommandLine<OptionKey> {
  return parseCommandLine(argv, optionTable, {
    version,
    program,
    description: "Runs GGUF models and streams their tokens over HTTP.",
    usage: program === serveProgram ? "[models...] [options]" : "[options]",
    afterHelp: afterHelp(program),
  });
}

function afterHelp(program: string): string {
  const example = optionTable.drainTimeoutMs;
  return `
Values:
  Durations are 500ms, 30s, 2m or 1h; a bare number is seconds. Sizes are 65536, 64KiB, 4MiB or 1GiB.
  Each flag is a variable too: --${example.flag} is ${variableOf(example)}. In a --config file it is ${example.flag}: 30s.
  A flag wins over its variable, and that over the file.
  The API token is the variable WAGGLE_API_TOKEN or stands in --api-token-file; there is no flag for it, since
  others can see a command line. HF_TOKEN gives access to private Hugging Face models.

Examples:
  ${program}
  ${program} --ollama
  ${program} --model ./llama-3.2-1b-q4_k_m.gguf --slots 4
  ${program} --model chat=./llama-3.2-1b-q4_k_m.gguf --model embed=hf:user/embedder:Q8_0
  WAGGLE_API_TOKEN=… ${program} --host 0.0.0.0 --hive-url http://hive:7700 --advertise-url http://worker-1:7711

Exit codes:
${exitCodeHelp([
  ...(["ok", "badConfiguration", "fileUnusable", "unavailable", "internal"] as const),
  ...(["modelCannotBeLoaded", "abortedByInterrupt", "abortedByTermination"] as const),
])}`;
}
