// Owns how each dialect asks for a streamed answer, and what its frames say: a row for each, so that every fault is tried on all of them. Load is
// put on servers in two of them, which take the same fields of sampling and count their tokens.
import { DONE } from "@waggle/protocol";

export interface StreamDialect {
  readonly name: string;
  readonly path: string;
  readonly encoding: StreamEncoding;
  /** Each frame bears the type of its payload as its name: clients dispatch on that. */
  readonly named?: boolean;
  /** No client can take what ends in its error for an answer: after it the connection is closed, elsewhere broken. */
  readonly closesAfterError?: true;
  /** What a request becomes depends on what the model can do: while that loads, it is refused with 503 and does not wait. */
  readonly asksModel?: true;
  body(request: AnswerRequest): Payload;
  read(payload: Payload): FrameReading;
  /** The data of the last frame of an answer that ends well; it is no JSON. */
  readonly done?: typeof DONE;
}

export interface AnswerRequest {
  /** As the server calls it. */
  readonly model: string;
  readonly prompt: string;
  readonly maxTokens: number;
  /** Goes into the header for sessions where the dialect has no field for it. */
  readonly sessionId?: string | undefined;
  /** Fields of the native route, which OpenAI-compatible servers take under the same names. With them the answer counts its tokens. */
  readonly sampling?: Payload;
}

/** Of NDJSON each line is a frame, an empty one too. */
export type StreamEncoding = "sse" | "ndjson";

export type Payload = Readonly<Record<string, unknown>>;

export interface FrameReading {
  /** A piece of the answer. */
  readonly text?: string | undefined;
  /** Why the answer is over, in the dialect's own word. Other frames may follow, but no text. */
  readonly finish?: string | undefined;
  /** Nothing may follow, in a dialect without `done`. */
  readonly end?: boolean;
  /** The stream ends with this error, and nothing may follow. */
  readonly error?: string | undefined;
  /** Counts come from the server, once a stream. */
  readonly promptTokens?: number | undefined;
  readonly cachedTokens?: number | undefined;
  readonly completionTokens?: number | undefined;
}

export const nativeDialect: StreamDialect = {
  ...{ name: "native", path: "/v1/inference", encoding: "sse", named: true, done: DONE },
  body: ({ prompt, maxTokens, sessionId, sampling }) => ({
    prompt,
    max_tokens: maxTokens,
    session_id: sessionId,
    ...sampling,
  }),
  read: ({ type, text, finish_reason: finish, message, prompt_tokens: prompt, cached_tokens: cached, usage }) => ({
    text: textOf(text),
    finish: textOf(finish),
    error: type === "error" ? String(message) : undefined,
    promptTokens: countOf(prompt),
    cachedTokens: countOf(cached),
    completionTokens: countOf(at(usage, "completion_tokens")),
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
  read: ({ choices, error, usage }) => ({
    text: textOf(at(choices, 0, "text")),
    finish: textOf(at(choices, 0, "finish_reason")),
    error: errorOf(error),
    promptTokens: countOf(at(usage, "prompt_tokens")),
    cachedTokens: countOf(at(usage, "prompt_tokens_details", "cached_tokens")),
    completionTokens: countOf(at(usage, "completion_tokens")),
  }),
};

export const streamDialects: readonly StreamDialect[] = [
  nativeDialect,
  {
    ...{ name: "OpenAI chat", path: "/v1/chat/completions", encoding: "sse", done: DONE },
    body: ({ prompt, maxTokens }) => ({ messages: asked(prompt), max_tokens: maxTokens, stream: true }),
    read: ({ choices, error }) => ({
      text: textOf(at(choices, 0, "delta", "content")),
      finish: textOf(at(choices, 0, "finish_reason")),
      error: errorOf(error),
    }),
  },
  completionsDialect,
  {
    ...{ name: "Responses", path: "/v1/responses", encoding: "sse", named: true, closesAfterError: true },
    body: ({ model, prompt, maxTokens }) => ({ model, input: prompt, max_output_tokens: maxTokens, stream: true }),
    read({ type, delta, response, message }) {
      const isEnd = type === "response.completed" || type === "response.incomplete";
      return {
        text: type === "response.output_text.delta" ? textOf(delta) : undefined,
        finish: isEnd ? textOf(at(response, "status")) : undefined,
        end: isEnd,
        error: type === "error" ? String(message) : errorOf(at(response, "error")),
      };
    },
  },
  {
    ...{ name: "Anthropic", path: "/v1/messages", encoding: "sse", named: true, asksModel: true },
    body: ({ model, prompt, maxTokens }) => ({
      ...{ model, messages: asked(prompt), max_tokens: maxTokens, stream: true },
    }),
    read: ({ type, delta, error }) => ({
      text: textOf(at(delta, "text")),
      finish: textOf(at(delta, "stop_reason")),
      end: type === "message_stop",
      error: errorOf(error),
    }),
  },
  {
    ...{ name: "Ollama chat", path: "/api/chat", encoding: "ndjson", asksModel: true },
    body: ({ model, prompt, maxTokens }) => ({
      ...{ model, messages: asked(prompt), options: { num_predict: maxTokens } },
    }),
    read: ({ message, done, done_reason: finish, error }) => ({
      text: textOf(at(message, "content")),
      finish: textOf(finish),
      end: done === true,
      error: errorOf(error),
    }),
  },
  {
    ...{ name: "Ollama generate", path: "/api/generate", encoding: "ndjson", asksModel: true },
    body: ({ model, prompt, maxTokens }) => ({ model, prompt, options: { num_predict: maxTokens } }),
    read: ({ response, done, done_reason: finish, error }) => ({
      text: textOf(response),
      finish: textOf(finish),
      end: done === true,
      error: errorOf(error),
    }),
  },
  {
    ...{ name: "llama-server", path: "/completion", encoding: "sse" },
    body: ({ prompt, maxTokens }) => ({ prompt, n_predict: maxTokens, stream: true }),
    read: ({ content, stop, stop_type: finish, error }) => ({
      text: textOf(content),
      finish: stop === true ? textOf(finish) : undefined,
      end: stop === true,
      error: errorOf(error),
    }),
  },
];

function asked(content: string): readonly object[] {
  return [{ role: "user", content }];
}

/** What the names lead to; undefined where they lead nowhere. */
function at(value: unknown, ...names: readonly (string | number)[]): unknown {
  return names.reduce<unknown>((found, name) => (found as Payload | null | undefined)?.[name], value);
}

/** A text that is not empty. */
function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function countOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

/** Of an error that is a text, or an object with a message. */
function errorOf(error: unknown): string | undefined {
  return error == null ? undefined : (textOf(error) ?? String(at(error, "message")));
}
