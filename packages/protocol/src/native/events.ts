// Owns the events of a job's stream: their schemas, their order, and the headers of SSE and NDJSON streams.
// Order on a stream: (queued | status)* started (token | status)* (end [DONE] | error). Exactly one end or error. With MCP tools, calls and their
// results follow the tokens of their message, and the next message begins with queued, status or started again.
import { optional, z } from "zod";
import { ErrorCodeSchema } from "../error-body.ts";
import { SamplingSchema } from "./generate.ts";
import { amount, count, json, positive } from "../fields/values.ts";

const streamShape = {
  stream_id: z.string().describe("The job's id."),
  session_id: optional(z.string()),
};

const DiffersAtSchema = z
  .string()
  .describe(
    "Start of the prompt's text that was not in the cache, at most 80 characters; absent if nothing was cached for this client.",
  );

export const UsageSchema = z
  .object({
    prompt_tokens: count,
    completion_tokens: count,
    total_tokens: count,
    cached_tokens: count.describe("Prompt tokens that were in the slot's KV cache, and therefore not computed again."),
    differs_at: optional(DiffersAtSchema),
  })
  .meta({ id: "Usage" });
export type Usage = z.infer<typeof UsageSchema>;

/** All durations are in milliseconds. The names of guesses are llama-server's. */
export const TimingsSchema = z
  .object({
    queue_ms: amount.describe("Time from the acceptance of the job until the job got a slot."),
    prefill_ms: amount.describe("Time from getting the slot to the first token."),
    decode_ms: amount.describe("Time from the first token to the last token."),
    total_ms: amount.describe("Time from the acceptance of the job to the end of the job."),
    tokens_per_second: amount.describe("Decoding speed in tokens per second: (completion_tokens - 1) / decode time."),
    draft_n: optional(positive).describe("Number of guessed tokens; absent if no token was guessed."),
    draft_n_accepted: optional(count).describe(
      "Number of guessed tokens that were right, so part of the answer; absent if no token was guessed.",
    ),
  })
  .meta({ id: "Timings" });
export type Timings = z.infer<typeof TimingsSchema>;

export const FinishReasonSchema = z.enum(["stop", "length", "cancelled"]);
export type FinishReason = z.infer<typeof FinishReasonSchema>;

export const CancelledBySchema = z.enum(["client", "superseded", "disconnect", "unclaimed", "operator"]);
export type CancelledBy = z.infer<typeof CancelledBySchema>;

const BytesSchema = z
  .array(z.int().min(0).max(255))
  .describe("The token's bytes in UTF-8; a token may be only a part of a character.");

/** `logprob` is the natural logarithm of the token's probability, before any sampler changes it. */
const tokenLogprobShape = {
  id: count.describe("The token's id."),
  bytes: BytesSchema,
  logprob: z.number(),
};
export const LogprobSchema = z
  .object({
    ...tokenLogprobShape,
    top: z
      .array(z.object(tokenLogprobShape))
      .describe("The most probable tokens at this position, most probable first."),
  })
  .meta({ id: "Logprob" });
export type Logprob = z.infer<typeof LogprobSchema>;

export const QueuedEventSchema = z
  .object({
    type: z.literal("queued"),
    ...streamShape,
    position: count.describe("Position in the queue: 1 is next, 0 is running."),
    eta_ms: optional(amount).describe(
      "Estimated milliseconds until the first token, from the speed of recent jobs; absent until enough jobs were measured.",
    ),
  })
  .meta({ id: "QueuedEvent" });

/** Progress of the prompt, with the fields of llama-server's `return_progress` (llama.cpp, tools/server/README.md). */
export const PromptProgressSchema = z
  .object({
    total: positive.describe("Number of prompt tokens."),
    cached: count.describe("Prompt tokens that were in the KV cache from the start."),
    processed: count.describe("Prompt tokens that are in the KV cache now, including the cached ones."),
    time_ms: amount.describe("Milliseconds since the job got its slot."),
  })
  .meta({ id: "PromptProgress" });
export type PromptProgress = z.infer<typeof PromptProgressSchema>;

export const StatusEventSchema = z
  .object({
    type: z.literal("status"),
    ...streamShape,
    status: z
      .enum(["loading", "thinking", "continued", "resuming", "parked"])
      .describe(
        "loading: the engine is not ready yet. thinking: prefill has begun and lasts until the first token. resuming: the engine crashed, and a new engine will continue the answer. parked: the context memory is full, or another client got the slot, so the answer, or one of its choices, waits and then continues.",
      ),
    prompt_progress: optional(PromptProgressSchema).describe(
      "Sent with thinking, a few times a second, if the prompt takes more than one step.",
    ),
  })
  .meta({ id: "StatusEvent" });

/** Events name the model file, since a swap of the model changes the file under the same model name. */
export const ModelFileSchema = z
  .string()
  .describe("Name of the model file that computes the answer, without its folder.");

export const StartedEventSchema = z
  .object({
    type: z.literal("started"),
    ...streamShape,
    model: z.string(),
    model_file: optional(ModelFileSchema),
    prompt_tokens: count,
    cached_tokens: count,
    differs_at: optional(DiffersAtSchema),
    queue_ms: amount,
    seed: optional(count).describe(
      "The seed of the first choice, given or drawn at random; further choices use this seed plus 1, 2, ….",
    ),
  })
  .meta({ id: "StartedEvent" });

/** The parts of an answer to messages. An answer to a plain prompt has only text, without a part. */
export const AnswerPartSchema = z.enum(["content", "reasoning", "call", "arguments"]);

export const TokenEventSchema = z
  .object({
    type: z.literal("token"),
    ...streamShape,
    index: count.describe("Number of the token event, without gaps from 0."),
    text: z
      .string()
      .describe(
        "Text of the event, in whole characters. Empty at the start of a call, and when the last tokens have no text.",
      ),
    part: optional(AnswerPartSchema).describe(
      "What the text belongs to: reasoning, the start of a call, or the call's arguments as JSON. Absent for content and for answers to a plain prompt.",
    ),
    call: optional(
      z.object({
        index: count.describe("Number of the call in this choice, without gaps from 0."),
        id: optional(z.string()).describe("Only in the first event of the call."),
        name: optional(z.string()).describe("Only in the first event of the call."),
      }),
    ).describe("For the parts call and arguments: the call to which the text belongs."),
    t_ms: amount.describe("Milliseconds from the started event until the engine produced this event's tokens."),
    ids: optional(z.array(count)).describe(
      "Ids of the model tokens in this event; absent if the event only has text that was held back earlier.",
    ),
    n: optional(z.int().min(2)).describe("Number of model tokens in this event; absent for one token."),
    choice: optional(count).describe("The choice that this event belongs to, if the job has several choices."),
    logprobs: optional(z.array(LogprobSchema)).describe("Logprobs of the model tokens in this event, if requested."),
  })
  .meta({ id: "TokenEvent" });

/** The whole answer as a message that the next request can append to its history. */
export const AnswerMessageSchema = z
  .object({
    role: z.literal("assistant"),
    content: z.string().nullable().describe("The text of the answer; null if the answer has only calls."),
    reasoning_content: optional(z.string()).describe("The model's reasoning."),
    tool_calls: optional(
      z.array(
        z.object({
          id: z.string(),
          type: z.literal("function"),
          function: z.object({ name: z.string(), arguments: z.string().describe("The arguments as JSON.") }),
          cut: optional(z.literal(true)).describe(
            "Present if the answer ended within this call; its arguments are then incomplete.",
          ),
        }),
      ),
    ),
  })
  .meta({ id: "AnswerMessage" });
export type AnswerMessage = z.infer<typeof AnswerMessageSchema>;

export const StoppedBySchema = z.enum(["end", "stop_string", "max_tokens", "context", "repetition", "time", "indent"]);
export type StoppedBy = z.infer<typeof StoppedBySchema>;

const choiceEndShape = {
  finish_reason: FinishReasonSchema,
  stopped_by: optional(StoppedBySchema).describe(
    "What ended the answer: the model, a stop string, max_tokens, a full context, or a repetition. Only on llama-server's routes: time (the first newline after a time limit), or indent (a line with too little indentation).",
  ),
  stop_string: optional(z.string()).describe("The stop string, if a stop string ended the answer."),
  message: optional(AnswerMessageSchema).describe("The whole message, if the request had messages."),
};

export const Sha256Schema = z.string().regex(/^[0-9a-f]{64}$/);

const { seed, grammar: _, ...samplingShape } = SamplingSchema.shape;

export const stepField = optional(count).describe("Number of the message, from 0, in a job with MCP tools.");

/** Hashes and settings, with which a client can verify an answer and reproduce it. */
export const ReceiptSchema = z
  .object({
    step: stepField,
    text_sha256: Sha256Schema.describe(
      "Hash of the concatenated texts of the token events, in UTF-8. With several choices, only the first choice counts.",
    ),
    model_file: ModelFileSchema.nullable(),
    model_sha256: Sha256Schema.nullable().describe(
      "Hash of the model's file; for a split model, of its concatenated parts. Null until computed, and if there is no file.",
    ),
    template_sha256: Sha256Schema.nullable().describe(
      "Hash of the chat template's text; null if no template was used.",
    ),
    pictures_sha256: optional(z.array(Sha256Schema)).describe(
      "Hashes of the picture files in the prompt, each file once, in the order of their first places; absent if the prompt has no pictures.",
    ),
    seed: seed
      .unwrap()
      .nonnegative()
      .describe("The seed of the first choice, given or drawn at random; further choices used this seed plus 1, 2, …."),
    sampling: z
      .object({ ...samplingShape, grammar_sha256: optional(Sha256Schema) })
      .describe("The sampling values that were used, with the hash of the grammar in place of the grammar."),
    guesses: optional(z.literal(true)).describe(
      "Present if tokens were guessed. Without guesses the text is the same, up to rounding.",
    ),
  })
  .meta({ id: "Receipt" });
export type Receipt = z.infer<typeof ReceiptSchema>;

export const EndEventSchema = z
  .object({
    type: z.literal("end"),
    ...streamShape,
    ...choiceEndShape,
    cancelled_by: optional(CancelledBySchema),
    choices: optional(
      z.array(
        z.object({
          ...choiceEndShape,
          text_sha256: optional(Sha256Schema).describe("Hash of this choice's text, computed like the receipt's hash."),
        }),
      ),
    ).describe("End and message of each choice, if the job has several choices."),
    usage: UsageSchema,
    timings: TimingsSchema,
    receipt: optional(ReceiptSchema).describe(
      "Hashes and settings of the answer; present if the job generated text, in one message.",
    ),
    receipts: optional(z.array(ReceiptSchema)).describe(
      "A receipt for each message, with its step; in place of receipt, if a job with MCP tools computed several.",
    ),
  })
  .meta({ id: "EndEvent" });

export const ErrorEventSchema = z
  .object({
    type: z.literal("error"),
    ...streamShape,
    code: ErrorCodeSchema,
    message: z.string(),
    retryable: z.boolean(),
    details: optional(json),
  })
  .meta({ id: "ErrorEvent" });

const toolShape = {
  call_id: z.string().describe("The id of the call in the model's message."),
  server: z.string().describe("Name of the MCP server."),
  tool: z.string().describe("The tool's name at its server."),
};

export const toolCallShape = {
  ...toolShape,
  state: z
    .enum(["waits_for_consent", "running"])
    .describe("waits_for_consent: POST /v1/jobs/:id/consent allows or refuses the call. running: the call was sent."),
};

export const ToolCallEventSchema = z
  .object({ type: z.literal("tool_call"), ...streamShape, ...toolCallShape })
  .meta({ id: "ToolCallEvent" });

export const toolOutcomes = ["done", "tool_error", "failed", "refused", "unknown"] as const;

export const ToolResultEventSchema = z
  .object({
    type: z.literal("tool_result"),
    ...streamShape,
    ...toolShape,
    outcome: z
      .enum(toolOutcomes)
      .describe(
        "done: the tool's result. tool_error: the tool reports an error. failed: the call was not sent. refused: the call was not allowed. unknown: the call was sent, but no result came, so whether the tool ran is unknown; the call is not repeated.",
      ),
    text: z.string().describe("The result as text, as the model gets it: data of the tool, not of Waggle."),
  })
  .meta({ id: "ToolResultEvent" });

export const StreamEventSchema = z
  .discriminatedUnion("type", [
    QueuedEventSchema,
    StatusEventSchema,
    StartedEventSchema,
    TokenEventSchema,
    ToolCallEventSchema,
    ToolResultEventSchema,
    EndEventSchema,
    ErrorEventSchema,
  ])
  .meta({ id: "StreamEvent" });

export type QueuedEvent = z.infer<typeof QueuedEventSchema>;
export type StatusEvent = z.infer<typeof StatusEventSchema>;
export type StartedEvent = z.infer<typeof StartedEventSchema>;
export type TokenEvent = z.infer<typeof TokenEventSchema>;
export type ToolCallEvent = z.infer<typeof ToolCallEventSchema>;
export type ToolResultEvent = z.infer<typeof ToolResultEventSchema>;
export type EndEvent = z.infer<typeof EndEventSchema>;
export type ErrorEvent = z.infer<typeof ErrorEventSchema>;
export type StreamEvent = z.infer<typeof StreamEventSchema>;
export type TerminalEvent = EndEvent | ErrorEvent;

export function isTerminal(event: StreamEvent): event is TerminalEvent {
  return event.type === "end" || event.type === "error";
}

/** The data of the last SSE frame, after the `end` event. */
export const DONE = "[DONE]";

export const sseHeaders = {
  "content-type": "text/event-stream",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
} as const;

export const ndjsonHeaders = {
  "content-type": "application/x-ndjson",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
} as const;
