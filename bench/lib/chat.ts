// Sends chat completions, and reads their streams.
import { send } from "@waggle/testing/harness";

export interface ChatRequest {
  readonly url: string;
  readonly content: string;
  readonly maxTokens: number;
  /** The answer is drawn with it: the engine guesses the tokens of a greedy answer, and they come in bundles. */
  readonly seed?: number;
  readonly signal?: AbortSignal;
}

export interface ChatAnswer {
  readonly text: string;
  /** Milliseconds of `performance.now()`. */
  readonly sentAt: number;
  /** Of the pieces of text. A token that does not end a character gives no piece. */
  readonly arrivals: readonly number[];
  /** When the last frame came. */
  readonly endedAt: number;
  readonly promptTokens: number;
  readonly cachedTokens: number;
}

interface Chunk {
  readonly choices?: readonly { readonly delta?: { readonly content?: string | null } }[];
  readonly usage?: {
    readonly prompt_tokens?: number;
    readonly prompt_tokens_details?: { readonly cached_tokens?: number };
  } | null;
}

const silenceMs = 3_600_000;

/** Greedy without a seed. @param onToken called with each arrival @throws Error when the server refuses, or the stream breaks */
export async function chat(
  { url, content, maxTokens, seed, signal }: ChatRequest,
  onToken: (at: number) => void = () => {},
): Promise<ChatAnswer> {
  const body = {
    messages: [{ role: "user", content }],
    max_tokens: maxTokens,
    ...(seed === undefined ? { temperature: 0 } : { temperature: 1, seed }),
    stream: true,
    stream_options: { include_usage: true },
    // Names of both servers for the same thing: the answer has as many tokens as asked for.
    ignore_eos: true,
    repetition_limit: 0,
  };
  const answer = await send({
    url: `${url}/v1/chat/completions`,
    body,
    silenceMs,
    ...(signal === undefined ? {} : { signal }),
  });
  if (answer.status !== 200)
    throw new Error(`Cannot measure: the server answered ${answer.status}: ${await answer.text()}`);
  const arrivals: number[] = [];
  let [text, endedAt, promptTokens, cachedTokens] = ["", Number.NaN, Number.NaN, Number.NaN];
  const { over } = answer.frames({
    onFrame({ data }, at) {
      endedAt = at;
      if (data === "[DONE]") return;
      const { choices = [], usage } = JSON.parse(data) as Chunk;
      promptTokens = usage?.prompt_tokens ?? promptTokens;
      cachedTokens = usage?.prompt_tokens_details?.cached_tokens ?? cachedTokens;
      const piece = choices[0]?.delta?.content ?? "";
      if (piece === "") return;
      text += piece;
      arrivals.push(at);
      onToken(at);
    },
  });
  const { how, reason } = await over;
  if (how !== "complete") throw new Error(`Cannot measure: the stream broke: ${reason ?? how}`);
  return { text, sentAt: answer.sentAt, arrivals, endedAt, promptTokens, cachedTokens };
}
