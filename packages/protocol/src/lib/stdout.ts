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

/** After sysexits.h: EX_USAGE, EX_UNAVAILABLE, EX_SOFTWARE, EX_TEMPFAIL; 128 + signal for an aborted drain. */
export const exitCodes = {
  ok: 0,
  badConfiguration: 64,
  portTaken: 69,
  internal: 70,
  modelCannotBeLoaded: 75,
  abortedByInterrupt: 130,
  abortedByTermination: 143,
} as const;
