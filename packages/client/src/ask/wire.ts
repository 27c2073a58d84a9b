// Owns the types of the public surface that describe the wire. They repeat the types of @waggle/protocol without zod, because the package has no
// dependencies. wire.test.ts fails if they differ.

export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  /** Prompt tokens that were in the KV cache, and therefore not computed again. */
  cached_tokens: number;
  differs_at?: string | undefined;
}

/** All durations are in milliseconds. */
export interface Timings {
  queue_ms: number;
  prefill_ms: number;
  decode_ms: number;
  total_ms: number;
  tokens_per_second: number;
  draft_n?: number | undefined;
  draft_n_accepted?: number | undefined;
}

export type FinishReason = "stop" | "length" | "cancelled";
export type StoppedBy = "end" | "stop_string" | "max_tokens" | "context" | "repetition" | "time" | "indent";

export interface ToolCall {
  id: string;
  type: "function";
  function: { name: string; arguments: string };
}

/** The whole answer as a message that the next request can append to its history. */
export interface AnswerMessage {
  role: "assistant";
  content: string | null;
  reasoning_content?: string | undefined;
  tool_calls?: AnswerToolCall[] | undefined;
}

export interface AnswerToolCall extends ToolCall {
  /** The answer ended within this call: its arguments are incomplete. */
  cut?: true | undefined;
}

/** Hashes and settings, with which a program can verify an answer and reproduce it. */
export interface Receipt {
  /** Number of the message, from 0, in a job with MCP tools. */
  step?: number | undefined;
  /** SHA-256 of the answer's text in UTF-8; for an answer to messages, of all its parts in their order. */
  text_sha256: string;
  model_file: string | null;
  model_sha256: string | null;
  template_sha256: string | null;
  pictures_sha256?: string[] | undefined;
  seed: number;
  /** The sampling settings that were used. */
  sampling: Record<string, unknown>;
  guesses?: true | undefined;
}

interface OfStream {
  /** The job's id. */
  stream_id: string;
  session_id?: string | undefined;
}

export interface QueuedEvent extends OfStream {
  type: "queued";
  /** Position in the queue: 1 is next, 0 is running. */
  position: number;
  /** Estimated milliseconds until the first token; absent until enough jobs were measured. */
  eta_ms?: number | undefined;
}

export interface StatusEvent extends OfStream {
  type: "status";
  status: "loading" | "thinking" | "continued" | "resuming" | "parked";
  prompt_progress?: { total: number; cached: number; processed: number; time_ms: number } | undefined;
}

export interface StartedEvent extends OfStream {
  type: "started";
  model: string;
  model_file?: string | undefined;
  prompt_tokens: number;
  cached_tokens: number;
  differs_at?: string | undefined;
  queue_ms: number;
  seed?: number | undefined;
}

interface TokenLogprob {
  id: number;
  bytes: number[];
  logprob: number;
}

export interface TokenEvent extends OfStream {
  type: "token";
  /** Number of the token event, without gaps from 0. */
  index: number;
  text: string;
  /** Absent for content and for answers to a plain prompt. */
  part?: "content" | "reasoning" | "call" | "arguments" | undefined;
  call?: { index: number; id?: string | undefined; name?: string | undefined } | undefined;
  t_ms: number;
  ids?: number[] | undefined;
  n?: number | undefined;
  choice?: number | undefined;
  logprobs?: (TokenLogprob & { top: TokenLogprob[] })[] | undefined;
}

interface OfTool extends OfStream {
  call_id: string;
  server: string;
  tool: string;
}

export interface ToolCallEvent extends OfTool {
  type: "tool_call";
  state: "waits_for_consent" | "running";
}

export interface ToolResultEvent extends OfTool {
  type: "tool_result";
  outcome: "done" | "tool_error" | "failed" | "refused" | "unknown";
  text: string;
}

interface ChoiceEnd {
  finish_reason: FinishReason;
  stopped_by?: StoppedBy | undefined;
  stop_string?: string | undefined;
  /** The whole message, if the request had messages. */
  message?: AnswerMessage | undefined;
}

export interface EndEvent extends OfStream, ChoiceEnd {
  type: "end";
  cancelled_by?: "client" | "superseded" | "disconnect" | "unclaimed" | "operator" | undefined;
  choices?: (ChoiceEnd & { text_sha256?: string | undefined })[] | undefined;
  usage: Usage;
  timings: Timings;
  receipt?: Receipt | undefined;
  /** A receipt for each message, in place of `receipt`, if a job with MCP tools computed several. */
  receipts?: Receipt[] | undefined;
}

export interface ErrorEvent extends OfStream {
  type: "error";
  code: string;
  message: string;
  retryable: boolean;
  details?: Record<string, unknown> | undefined;
}

export type StreamEvent =
  | QueuedEvent
  | StatusEvent
  | StartedEvent
  | TokenEvent
  | ToolCallEvent
  | ToolResultEvent
  | EndEvent
  | ErrorEvent;

type Content = string | ({ type: "text"; text: string } | { type: "image_url"; image_url: { url: string } })[];

export type Message =
  | { role: "system" | "user"; content: Content }
  | {
      role: "assistant";
      content: string | null;
      reasoning_content?: string | undefined;
      tool_calls?: ToolCall[] | undefined;
    }
  | { role: "tool"; content: Content; tool_call_id: string };

export interface Tool {
  type: "function";
  function: {
    name: string;
    description?: string | null | undefined;
    parameters?: Record<string, unknown> | null | undefined;
    strict?: boolean | null | undefined;
  };
}
