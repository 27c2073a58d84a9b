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

/** Exit codes, as in sysexits.h: EX_USAGE, EX_NOINPUT, EX_UNAVAILABLE, EX_SOFTWARE, EX_TEMPFAIL; 128 + the number of the signal that ended the program. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  badConfiguration: 64,
  fileUnusable: 66,
  unavailable: 69,
  internal: 70,
  modelCannotBeLoaded: 75,
  abortedByInterrupt: 130,
  abortedByTermination: 143,
} as const;

/** The meaning of each code, for --help. */
export const exitMeanings: Readonly<Record<keyof typeof exitCodes, string>> = {
  ok: "success, or stopped on request",
  failed: "the command failed; stderr has the reason",
  badConfiguration: "a wrong flag, value, command or setting",
  fileUnusable: "a model or LoRA adapter that is unknown, unreadable or not a GGUF file",
  unavailable: "the port cannot be opened, or no server answers",
  internal: "a defect in Waggle",
  modelCannotBeLoaded: "the model cannot be loaded",
  abortedByInterrupt: "interrupted (Ctrl-C) before the end",
  abortedByTermination: "terminated (SIGTERM) before the end",
};

/** @param names the codes that the program uses. @returns the lines of --help about these codes */
export function exitCodeHelp(names: readonly (keyof typeof exitCodes)[]): string {
  return names.map((name) => `  ${String(exitCodes[name]).padEnd(4)} ${exitMeanings[name]}`).join("\n");
}
