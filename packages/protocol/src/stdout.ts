// Owns the machine-readable lines that a daemon prints on stdout, and the exit codes of all programs.
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
 * The exit codes of all programs. After sysexits.h: EX_USAGE, EX_NOINPUT, EX_UNAVAILABLE, EX_SOFTWARE, EX_TEMPFAIL; 128 + signal after a signal cut
 * the program short. The same kind of failure has the same code in every program.
 */
export const exitCodes = {
  ok: 0,
  /** The command failed, for the reason on stderr. */
  failed: 1,
  /** Wrong flags, values, commands or settings. */
  badConfiguration: 64,
  /** A named file does not exist, cannot be read, or has another format. */
  fileUnusable: 66,
  /** The port cannot be opened, or no server answers. */
  unavailable: 69,
  internal: 70,
  modelCannotBeLoaded: 75,
  abortedByInterrupt: 130,
  abortedByTermination: 143,
} as const;

/** The meaning of each code, for --help. */
export const exitMeanings: Readonly<Record<keyof typeof exitCodes, string>> = {
  ok: "done, or left as asked",
  failed: "it could not be done; stderr says why",
  badConfiguration: "a wrong flag, value, command or setting",
  fileUnusable: "a model file or LoRA adapter that is missing, unreadable, or not a GGUF file",
  unavailable: "the port cannot be opened, or no server answers",
  internal: "a defect in Waggle",
  modelCannotBeLoaded: "the model cannot be loaded",
  abortedByInterrupt: "interrupted (Ctrl-C) before it was done",
  abortedByTermination: "terminated (SIGTERM) before it was done",
};

/** Returns the lines of --help about exit codes: one line for each code that the program uses. */
export function exitCodeHelp(names: readonly (keyof typeof exitCodes)[]): string {
  return names.map((name) => `  ${String(exitCodes[name]).padEnd(4)} ${exitMeanings[name]}`).join("\n");
}
