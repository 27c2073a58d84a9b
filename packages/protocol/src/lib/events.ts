// Owns the stream: which events there are, what they carry, and how one becomes an SSE or NDJSON frame.
// Order on a stream: (queued | status)* started (token | status)* (end [DONE] | error). Exactly one end or error.
import { z } from "zod";
import { ErrorCodeSchema } from "./errors.ts";
import { SamplingSchema } from "./generate.ts";

const streamShape = {
  stream_id: z.string().describe("The job's id."),
  session_id: z.string().optional(),
};

const DiffersAtSchema = z
  .string()
  .describe(
    "The first text of the prompt that was in no cache, 80 characters at most; absent where nothing had been cached for this client.",
  );

export const UsageSchema = z
  .object({
    prompt_tokens: z.int().nonnegative(),
    completion_tokens: z.int().nonnegative(),
    total_tokens: z.int().nonnegative(),
    cached_tokens: z.int().nonnegative().describe("Prompt tokens found in the slot's KV cache, so not computed."),
    differs_at: DiffersAtSchema.optional(),
  })
  .meta({ id: "Usage" });
export type Usage = z.infer<typeof UsageSchema>;

/** All in milliseconds. */
export const TimingsSchema = z
  .object({
    queue_ms: z.number().nonnegative().describe("Acceptance to slot."),
    prefill_ms: z.number().nonnegative().describe("Slot to first token."),
    decode_ms: z.number().nonnegative().describe("First token to last."),
    total_ms: z.number().nonnegative().describe("Acceptance to end."),
    tokens_per_second: z.number().nonnegative().describe("Of decoding: (completion_tokens - 1) / decode time."),
  })
  .meta({ id: "Timings" });
export type Timings = z.infer<typeof TimingsSchema>;

export const FinishReasonSchema = z.enum(["stop", "length", "cancelled"]);
export type FinishReason = z.infer<typeof FinishReasonSchema>;

export const CancelledBySchema = z.enum(["client", "superseded", "disconnect", "unclaimed", "operator"]);
export type CancelledBy = z.infer<typeof CancelledBySchema>;

const BytesSchema = z.array(z.int().min(0).max(255)).describe("The token's bytes; may be part of a character.");

/** Natural logarithms of probabilities in the model's raw distribution. */
const tokenLogprobShape = { id: z.int().nonnegative().describe("The token."), bytes: BytesSchema, logprob: z.number() };
export const LogprobSchema = z
  .object({
    ...tokenLogprobShape,
    top: z.array(z.object(tokenLogprobShape)).describe("Most probable first."),
  })
  .meta({ id: "Logprob" });
export type Logprob = z.infer<typeof LogprobSchema>;

export const QueuedEventSchema = z
  .object({
    type: z.literal("queued"),
    ...streamShape,
    position: z.int().nonnegative().describe("1 is next, 0 is running."),
    eta_ms: z
      .number()
      .nonnegative()
      .optional()
      .describe("Until the first token, as jobs and prompts went lately; absent while too little has been measured."),
  })
  .meta({ id: "QueuedEvent" });

/** How far a prompt is computed, with the meaning that llama-server gives to it (tools/server/README.md, return_progress). */
export const PromptProgressSchema = z
  .object({
    total: z.int().positive().describe("Tokens of the prompt."),
    cached: z.int().nonnegative().describe("Of them in the KV cache from the start."),
    processed: z.int().nonnegative().describe("Of them in it now, with those that were cached."),
    time_ms: z.number().nonnegative().describe("Since the slot was taken."),
  })
  .meta({ id: "PromptProgress" });
export type PromptProgress = z.infer<typeof PromptProgressSchema>;

export const StatusEventSchema = z
  .object({
    type: z.literal("status"),
    ...streamShape,
    status: z
      .enum(["loading", "thinking", "continued", "resuming"])
      .describe(
        "thinking: prefill has begun; the first token ends it. resuming: the engine died, and the answer goes on from here under the next one.",
      ),
    prompt_progress: PromptProgressSchema.optional().describe(
      "With thinking, while a prompt is computed that takes more than one step: a few times a second.",
    ),
  })
  .meta({ id: "StatusEvent" });

/** Two files may answer under one name, one after the other. */
const ModelFileSchema = z.string().describe("The name of the file that answers, without its folder.");

export const StartedEventSchema = z
  .object({
    type: z.literal("started"),
    ...streamShape,
    model: z.string(),
    model_file: ModelFileSchema.optional(),
    prompt_tokens: z.int().nonnegative(),
    cached_tokens: z.int().nonnegative(),
    differs_at: DiffersAtSchema.optional(),
    queue_ms: z.number().nonnegative(),
    seed: z.int().nonnegative().optional().describe("Given or drawn; the nth further choice has this plus n."),
  })
  .meta({ id: "StartedEvent" });

/** What a piece of an answer to messages is; what answers a plain prompt is text and nothing else. */
export const AnswerPartSchema = z.enum(["content", "reasoning", "call", "arguments"]);
export type AnswerPartName = z.infer<typeof AnswerPartSchema>;

export const TokenEventSchema = z
  .object({
    type: z.literal("token"),
    ...streamShape,
    index: z.int().nonnegative().describe("Counts token events, gapless from 0."),
    text: z
      .string()
      .describe("Whole characters only; empty where a call begins, and where the last tokens have no text."),
    part: AnswerPartSchema.optional().describe(
      "What the text belongs to: a thought, a call that begins, its arguments as JSON. Absent: content, or the text that answers a plain prompt.",
    ),
    call: z
      .object({
        index: z.int().nonnegative().describe("Of this choice, gapless from 0."),
        id: z.string().optional().describe("With the part that begins it."),
        name: z.string().optional().describe("With the part that begins it."),
      })
      .optional()
      .describe("Of the parts call and arguments: which one."),
    t_ms: z.number().nonnegative().describe("When the engine produced it, in ms from started."),
    ids: z
      .array(z.int().nonnegative())
      .optional()
      .describe("Of the model tokens in this event; absent for text that was held back."),
    n: z.int().min(2).optional().describe("Model tokens in this event, where more than one."),
    choice: z.int().nonnegative().optional().describe("Of a job with several choices: which one."),
    logprobs: z.array(LogprobSchema).optional().describe("Of the model tokens in this event, where asked for."),
  })
  .meta({ id: "TokenEvent" });

/** The whole answer in the shape in which the next request's history takes it. */
export const AnswerMessageSchema = z
  .object({
    role: z.literal("assistant"),
    content: z.string().nullable().describe("Null where there are calls and nothing else."),
    reasoning_content: z.string().optional().describe("What the model thought."),
    tool_calls: z
      .array(
        z.object({
          id: z.string(),
          type: z.literal("function"),
          function: z.object({ name: z.string(), arguments: z.string().describe("JSON.") }),
          cut: z.literal(true).optional().describe("The answer ended within it: its arguments are not complete."),
        }),
      )
      .optional(),
  })
  .meta({ id: "AnswerMessage" });
export type AnswerMessage = z.infer<typeof AnswerMessageSchema>;

export const StoppedBySchema = z.enum(["end", "stop_string", "max_tokens", "context", "repetition", "time", "indent"]);
export type StoppedBy = z.infer<typeof StoppedBySchema>;

const choiceEndShape = {
  finish_reason: FinishReasonSchema,
  stopped_by: StoppedBySchema.optional().describe(
    "What ended it: the model itself, a stop string, max_tokens, a full context, a text that repeats itself without end; or, where llama-server's routes ask for it, a newline after so much time, or a line that is indented too little.",
  ),
  stop_string: z.string().optional().describe("Which one ended it, where one did."),
  message: AnswerMessageSchema.optional().describe("Of an answer to messages: its parts put together."),
};

const Sha256Schema = z.string().regex(/^[0-9a-f]{64}$/);

const { seed, grammar: _, ...samplingShape } = SamplingSchema.shape;

/** By which anybody can check an answer, and have it again. */
export const ReceiptSchema = z
  .object({
    text_sha256: Sha256Schema.describe(
      "Of the texts of the answer's token events one after the other, in UTF-8; of several choices, of the first one's.",
    ),
    model_file: ModelFileSchema.nullable(),
    model_sha256: Sha256Schema.nullable().describe(
      "Of the model's file; of a split one its parts one after the other. Null until it is known, and where there is no file.",
    ),
    template_sha256: Sha256Schema.nullable().describe("Of the chat template's text; null where none was used."),
    seed: seed.unwrap().nonnegative().describe("Given or drawn; the nth further choice had this plus n."),
    sampling: z
      .object({ ...samplingShape, grammar_sha256: Sha256Schema.optional() })
      .describe("The values that were used. Of the grammar that held the answer, if one did, the hash."),
  })
  .meta({ id: "Receipt" });
export type Receipt = z.infer<typeof ReceiptSchema>;

export const EndEventSchema = z
  .object({
    type: z.literal("end"),
    ...streamShape,
    ...choiceEndShape,
    cancelled_by: CancelledBySchema.optional(),
    choices: z
      .array(z.object({ ...choiceEndShape, text_sha256: Sha256Schema.optional().describe("As in the receipt.") }))
      .optional()
      .describe("Of a job with several choices: how each ended, and its message."),
    usage: UsageSchema,
    timings: TimingsSchema,
    receipt: ReceiptSchema.optional().describe("Of a job that generates."),
  })
  .meta({ id: "EndEvent" });

export const ErrorEventSchema = z
  .object({
    type: z.literal("error"),
    ...streamShape,
    code: ErrorCodeSchema,
    message: z.string(),
    retryable: z.boolean(),
    details: z.record(z.string(), z.unknown()).optional(),
  })
  .meta({ id: "ErrorEvent" });

export const StreamEventSchema = z
  .discriminatedUnion("type", [
    QueuedEventSchema,
    StatusEventSchema,
    StartedEventSchema,
    TokenEventSchema,
    EndEventSchema,
    ErrorEventSchema,
  ])
  .meta({ id: "StreamEvent" });

export type QueuedEvent = z.infer<typeof QueuedEventSchema>;
export type StatusEvent = z.infer<typeof StatusEventSchema>;
export type StartedEvent = z.infer<typeof StartedEventSchema>;
export type TokenEvent = z.infer<typeof TokenEventSchema>;
export type EndEvent = z.infer<typeof EndEventSchema>;
export type ErrorEvent = z.infer<typeof ErrorEventSchema>;
export type StreamEvent = z.infer<typeof StreamEventSchema>;
export type TerminalEvent = EndEvent | ErrorEvent;

export function isTerminal(event: StreamEvent): event is TerminalEvent {
  return event.type === "end" || event.type === "error";
}

/** The line that follows `end` on an SSE stream, and nothing else ever follows. */
export const DONE = "[DONE]";

/** Headers of every SSE answer. */
export const sseHeaders = {
  "content-type": "text/event-stream",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
} as const;

/** Headers of the same stream as NDJSON. */
export const ndjsonHeaders = {
  "content-type": "application/x-ndjson",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
} as const;
