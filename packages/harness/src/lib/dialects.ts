// Owns the two languages that servers under load speak: Waggle's own and OpenAI's. Both get the same sampling, each field said.
import type { StreamEvent } from "@waggle/protocol";

export interface LoadRequest {
  readonly prompt: string;
  /** Exactly this many are generated. */
  readonly maxTokens: number;
  readonly seed: number;
  readonly sessionId?: string;
}

/** What a frame tells. Counts come from the server, once a stream; a frame with text is an arrival. */
export interface FrameFacts {
  readonly text?: string;
  readonly promptTokens?: number;
  readonly cachedTokens?: number;
  readonly completionTokens?: number;
  readonly error?: string;
}

export interface Dialect {
  readonly path: string;
  body(request: LoadRequest): unknown;
  /** @param payload the parsed JSON of a frame's data */
  read(payload: unknown): FrameFacts;
}

/** Temperature and the usual cuts, as people run models: greedy decoding would spare the sampler its work. */
const sampling = {
  temperature: 0.8,
  top_k: 40,
  top_p: 0.95,
  min_p: 0.05,
  repeat_penalty: 1,
  presence_penalty: 0,
  frequency_penalty: 0,
  ignore_eos: true,
} as const;

export const nativeDialect: Dialect = {
  path: "/v1/inference",
  body: ({ prompt, maxTokens, seed, sessionId }) => ({
    prompt,
    max_tokens: maxTokens,
    seed,
    ...sampling,
    ...(sessionId === undefined ? {} : { session_id: sessionId }),
  }),
  read(payload) {
    const event = payload as StreamEvent;
    switch (event.type) {
      case "token":
        return { text: event.text };
      case "started":
        return { promptTokens: event.prompt_tokens, cachedTokens: event.cached_tokens };
      case "end":
        return { completionTokens: event.usage.completion_tokens };
      case "error":
        return { error: `${event.code}: ${event.message}` };
      default:
        return {};
    }
  },
};

interface OpenAiUsage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly prompt_tokens_details?: { readonly cached_tokens?: number };
}

interface OpenAiChunk {
  readonly choices?: readonly { readonly text?: string }[];
  readonly usage?: OpenAiUsage | null;
  readonly error?: { readonly message?: string };
}

function countsOf({ prompt_tokens, prompt_tokens_details, completion_tokens }: OpenAiUsage): FrameFacts {
  const cachedTokens = prompt_tokens_details?.cached_tokens ?? 0;
  return { promptTokens: prompt_tokens, cachedTokens, completionTokens: completion_tokens };
}

export const openAiDialect: Dialect = {
  path: "/v1/completions",
  body({ prompt, maxTokens, seed }) {
    const streamed = { stream: true, stream_options: { include_usage: true } };
    return { prompt, max_tokens: maxTokens, seed, ...sampling, ...streamed };
  },
  read(payload) {
    const { choices, usage, error } = payload as OpenAiChunk;
    if (error !== undefined) return { error: error.message ?? "unknown" };
    const text = choices?.[0]?.text ?? "";
    return {
      // Chunks without text carry the reason of the end.
      ...(text === "" ? {} : { text }),
      ...(usage == null ? {} : countsOf(usage)),
    };
  },
};
