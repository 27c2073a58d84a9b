// Owns the machine-readable lines a daemon prints on stdout, and the exit codes it leaves with.
import { z } from "zod";

export const StdoutLineSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("listening"), url: z.string(), ollama_url: z.string().optional(), pid: z.int() }),
  z.object({
    type: z.literal("ready"),
    url: z.string(),
    pid: z.int(),
    engine_pid: z.int().optional(),
    model: z.string(),
    backend: z.string(),
    load_ms: z.number(),
  }),
]);
export type StdoutLine = z.infer<typeof StdoutLineSchema>;

/**
 * Of every program. After sysexits.h: EX_USAGE, EX_NOINPUT, EX_UNAVAILABLE, EX_SOFTWARE, EX_TEMPFAIL; 128 + signal for what a signal has cut
 * short. One kind of mistake has one code, whoever makes it.
 */
export const exitCodes = {
  ok: 0,
  /** A command could not do it, for the reason on stderr. */
  failed: 1,
  /** Wrong flags, values, commands or settings. */
  badConfiguration: 64,
  /** A file that was named is not there, cannot be read, or is none of the kind. */
  fileUnusable: 66,
  /** The port cannot be had, or nobody answers. */
  unavailable: 69,
  internal: 70,
  modelCannotBeLoaded: 75,
  abortedByInterrupt: 130,
  abortedByTermination: 143,
} as const;

/** What each means, in the words of --help. */
export const exitMeanings: Readonly<Record<keyof typeof exitCodes, string>> = {
  ok: "done, or left as asked",
  failed: "it could not be done; stderr says why",
  badConfiguration: "a wrong flag, value, command or setting",
  fileUnusable: "a model file or LoRA adapter that is missing, unreadable, or not a GGUF file",
  unavailable: "the port cannot be opened, or nobody answers",
  internal: "a defect in Waggle",
  modelCannotBeLoaded: "the model cannot be loaded",
  abortedByInterrupt: "interrupted (Ctrl-C) before it was done",
  abortedByTermination: "terminated (SIGTERM) before it was done",
};

/** For --help: a line for each code that the program leaves with. */
export function exitCodeHelp(names: readonly (keyof typeof exitCodes)[]): string {
  return names.map((name) => `  ${String(exitCodes[name]).padEnd(4)} ${exitMeanings[name]}`).join("\n");
}
