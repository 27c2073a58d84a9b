// Owns each dialect's streaming request and the reading of its frames. Tests of faults run every dialect. Tests of load use the two dialects that
// take the native sampling fields and report token counts.
import { DONE } from "@waggle/protocol";

export interface StreamDialect {
  readonly name: string;
  readonly path: string;
  readonly encoding: StreamEncoding;
  /** The name of each frame is the `type` of its payload, on which clients dispatch. */
  readonly named?: boolean;
  /** After an error the connection closes normally: clients cannot take the stream for a complete answer. Other dialects break the connection. */
  readonly closesAfterError?: true;
  /** The server needs the model to translate a request: while the model loads, the server refuses requests with 503 instead of queueing them. */
  readonly asksModel?: true;
  body(request: AnswerRequest): Payload;
  read(payload: Payload): FrameReading;
  /** Data of the last frame of an answer without an error. Not JSON. */
  readonly done?: typeof DONE;
}

export interface AnswerRequest {
  /** The model's name on the server. */
  readonly model: string;
  readonly prompt: string;
  readonly maxTokens: number;
  /** The native body has a field for the session's id; `openAnswer` also sends the id in the header x-session-id. */
  readonly sessionId?: string | undefined;
  /** Sampling fields of the native route; OpenAI-compatible servers use the same names. With `sampling`, streams report token counts. */
  readonly sampling?: Payload;
}

/** In NDJSON each line is a frame, also an empty line. */
export type StreamEncoding = "sse" | "ndjson";

export type Payload = Readonly<Record<string, unknown>>;

export interface FrameReading {
  /** A piece of the answer's text. */
  readonly text?: string | undefined;
  /** Finish reason in the dialect's words. More frames may follow, but no text. */
  readonly finish?: string | undefined;
  /** Whether this is the last frame, in a dialect without `done`. */
  readonly end?: boolean;
  /** Message of the error with which the stream ends. No frame may follow. */
  readonly error?: string | undefined;
  /** The server reports each token count once in a stream. */
  readonly promptTokens?: number | undefined;
  readonly cachedTokens?: number | undefined;
  readonly completionTokens?: number | undefined;
  /** Reported by servers that guess tokens. */
  readonly guessedTokens?: number | undefined;
  readonly rightGuesses?: number | undefined;
}

export const nativeDialect: StreamDialect = {
  ...{ name: "native", path: "/v1/inference", encoding: "sse", named: true, done: DONE },
  body: ({ prompt, maxTokens, sessionId, sampling }) => ({
    prompt,
    max_tokens: maxTokens,
    session_id: sessionId,
    ...sampling,
  }),
  read: ({ type, text, finish_reason: finish, message, prompt_tokens: prompt, cached_tokens: cached, ...more }) => ({
    text: nonEmptyText(text),
    finish: nonEmptyText(finish),
    error: type === "error" ? String(message) : undefined,
    promptTokens: countOf(prompt),
    cachedTokens: countOf(cached),
    completionTokens: countOf(at(more["usage"], "completion_tokens")),
    ...guessesOf(more["timings"]),
  }),
};

export const completionsDialect: StreamDialect = {
  ...{ name: "OpenAI completions", path: "/v1/completions", encoding: "sse", done: DONE },
  body: ({ prompt, maxTokens, sampling }) => ({
    prompt,
    max_tokens: maxTokens,
    stream: true,
    ...(sampling === undefined ? {} : { ...sampling, stream_options: { include_usage: true } }),
  }),
  read: ({ choices, error, usage, timings }) => ({
    text: nonEmptyText(at(choices, 0, "text")),
    finish: nonEmptyText(at(choices, 0, "finish_reason")),
    error: frameError(error),
    promptTokens: countOf(at(usage, "prompt_tokens")),
    cachedTokens: countOf(at(usage, "prompt_tokens_details", "cached_tokens")),
    completionTokens: countOf(at(usage, "completion_tokens")),
    ...guessesOf(timings),
  }),
};

export const streamDialects: readonly StreamDialect[] = [
  nativeDialect,
  {
    ...{ name: "OpenAI chat", path: "/v1/chat/completions", encoding: "sse", done: DONE },
    body: ({ prompt, maxTokens }) => ({ messages: asked(prompt), max_tokens: maxTokens, stream: true }),
    read: ({ choices, error }) => ({
      text: nonEmptyText(at(choices, 0, "delta", "content")),
      finish: nonEmptyText(at(choices, 0, "finish_reason")),
      error: frameError(error),
    }),
  },
  completionsDialect,
  {
    ...{ name: "Responses", path: "/v1/responses", encoding: "sse", named: true, closesAfterError: true },
    body: ({ model, prompt, maxTokens }) => ({ model, input: prompt, max_output_tokens: maxTokens, stream: true }),
    read({ type, delta, response, message }) {
      const isEnd = type === "response.completed" || type === "response.incomplete";
      return {
        text: type === "response.output_text.delta" ? nonEmptyText(delta) : undefined,
        finish: isEnd ? nonEmptyText(at(response, "status")) : undefined,
        end: isEnd,
        error: type === "error" ? String(message) : frameError(at(response, "error")),
      };
    },
  },
  {
    ...{ name: "Anthropic", path: "/v1/messages", encoding: "sse", named: true, asksModel: true },
    body: ({ model, prompt, maxTokens }) => ({
      ...{ model, messages: asked(prompt), max_tokens: maxTokens, stream: true },
    }),
    read: ({ type, delta, error }) => ({
      text: nonEmptyText(at(delta, "text")),
      finish: nonEmptyText(at(delta, "stop_reason")),
      end: type === "message_stop",
      error: frameError(error),
    }),
  },
  {
    ...{ name: "Ollama chat", path: "/api/chat", encoding: "ndjson", asksModel: true },
    body: ({ model, prompt, maxTokens }) => ({
      ...{ model, messages: asked(prompt), options: { num_predict: maxTokens } },
    }),
    read: ({ message, done, done_reason: finish, error }) => ({
      text: nonEmptyText(at(message, "content")),
      finish: nonEmptyText(finish),
      end: done === true,
      error: frameError(error),
    }),
  },
  {
    ...{ name: "Ollama generate", path: "/api/generate", encoding: "ndjson", asksModel: true },
    body: ({ model, prompt, maxTokens }) => ({ model, prompt, options: { num_predict: maxTokens } }),
    read: ({ response, done, done_reason: finish, error }) => ({
      text: nonEmptyText(response),
      finish: nonEmptyText(finish),
      end: done === true,
      error: frameError(error),
    }),
  },
  {
    ...{ name: "llama-server", path: "/completion", encoding: "sse" },
    body: ({ prompt, maxTokens }) => ({ prompt, n_predict: maxTokens, stream: true }),
    read: ({ content, stop, stop_type: finish, error }) => ({
      text: nonEmptyText(content),
      finish: stop === true ? nonEmptyText(finish) : undefined,
      end: stop === true,
      error: frameError(error),
    }),
  },
];

function asked(content: string): readonly object[] {
  return [{ role: "user", content }];
}

/** The value at this path of names; undefined when a name is missing. */
function at(value: unknown, ...names: readonly (string | number)[]): unknown {
  return names.reduce<unknown>((found, name) => (found as Payload | null | undefined)?.[name], value);
}

/** The value if it is a non-empty text, otherwise undefined. */
function nonEmptyText(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function guessesOf(timings: unknown): Pick<FrameReading, "guessedTokens" | "rightGuesses"> {
  return {
    guessedTokens: countOf(at(timings, "draft_n")),
    rightGuesses: countOf(at(timings, "draft_n_accepted")),
  };
}

function countOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

/** The message of an error that is a text, or an object with `message`. */
function frameError(error: unknown): string | undefined {
  return error == null ? undefined : (nonEmptyText(error) ?? String(at(error, "message")));
}
