// Defines the lines of the journal, and reads them.
import { z } from "zod";

const MessageSchema = z.object({
  content: z.string().nullable(),
  reasoning_content: z.string().optional(),
  tool_calls: z.array(
    z.object({
      id: z.string(),
      type: z.literal("function"),
      function: z.object({ name: z.string(), arguments: z.string() }),
    }),
  ),
});

const OutcomeSchema = z.object({
  kind: z.enum(["done", "tool_error", "failed", "refused", "unknown"]),
  text: z.string(),
  /** `data` is base64. */
  pictures: z
    .array(z.object({ mimeType: z.string(), data: z.string() }))
    .readonly()
    .exactOptional(),
});
export type RecordedOutcome = z.infer<typeof OutcomeSchema>;

/** The client's name, a space, and the turn's key. */
const key = { key: z.string() };

const RecordSchema = z.discriminatedUnion("kind", [
  /** The turn begins. Any record after its `end` continues it. `at`: its time of day in milliseconds. */
  z.object({ kind: z.literal("turn"), ...key, digest: z.string(), at: z.number() }),
  /** The model's message with its calls. `index` is its place among the turn's steps, counted from 0. */
  z.object({ kind: z.literal("step"), ...key, index: z.int().nonnegative(), message: MessageSchema }),
  z.object({ kind: z.literal("call"), ...key, call: z.string() }),
  z.object({ kind: z.literal("end"), ...key }),
  z.object({ kind: z.literal("result"), ...key, call: z.string(), outcome: OutcomeSchema }),
]);
export type JournalRecord = z.infer<typeof RecordSchema>;

/** A message of the model that calls tools. */
export type RecordedStep = z.infer<typeof MessageSchema>;

/** Undefined for a line that is not a record: the last line is incomplete if the daemon was killed while it wrote the line. */
export function recordIn(line: string): JournalRecord | undefined {
  try {
    const { success, data } = RecordSchema.safeParse(JSON.parse(line));
    return success ? data : undefined;
  } catch {
    return undefined;
  }
}

export function lineOf(record: JournalRecord): string {
  return `${JSON.stringify(record)}\n`;
}
