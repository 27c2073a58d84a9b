// Owns the parts of the worker's --help that are not settings.
import type { ProgramHelp } from "@waggle/daemon";
import { foreignFlags } from "./foreign-flags.ts";
import { optionTable } from "./option-table.ts";

/** This command accepts models without a flag: see serve-arguments. */
const serveProgram = "waggle serve";

export function workerHelp(program: string): ProgramHelp {
  return {
    description: "Runs GGUF models and streams their tokens over HTTP.",
    usage: program === serveProgram ? "[models...] [options]" : undefined,
    example: optionTable.drainTimeoutMs,
    notes: ["HF_TOKEN gives access to private Hugging Face models."],
    examples: [
      program,
      `${program} --ollama`,
      `${program} --model ./llama-3.2-1b-q4_k_m.gguf --slots 4`,
      `${program} --model chat=./llama-3.2-1b-q4_k_m.gguf --model embed=hf:user/embedder:Q8_0`,
      `WAGGLE_API_TOKEN=… ${program} --host 0.0.0.0 --hive-url http://hive:7700 --advertise-url http://worker-1:7711`,
    ],
    foreignFlags,
    exitCodes: [
      ...(["ok", "badConfiguration", "fileUnusable", "unavailable", "internal"] as const),
      ...(["modelCannotBeLoaded", "abortedByInterrupt", "abortedByTermination"] as const),
    ],
  };
}
