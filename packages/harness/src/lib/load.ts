// Owns one request under load, in any dialect: each token's arrival is stamped, and nothing is counted that the server can count itself.
import { setMaxListeners } from "node:events";
import type { Dialect, FrameFacts, LoadRequest } from "./dialects.ts";
import { RefusedError, send } from "./http.ts";
import { gapsOf, percentile, sum } from "./statistics.ts";

/** Where to send it. */
export interface LoadTarget {
  readonly name: string;
  /** Without a path. */
  readonly url: string;
  readonly dialect: Dialect;
}

/** Times are in milliseconds of this process's clock. */
export interface LoadAnswer {
  readonly sentAt: number;
  /** One for each frame with text, at the moment its bytes were read. */
  readonly arrivals: readonly number[];
  readonly text: string;
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly completionTokens: number;
}

const silenceMs = 120_000;

/**
 * Asks and reads to the end. A connection for each request: servers close idle ones whenever they like, also under the next request.
 * @throws Error when the server refuses, breaks off, is silent too long, or generates another number of tokens
 */
export async function generate(
  { name, url, dialect }: LoadTarget,
  wanted: LoadRequest,
  options: { readonly signal: AbortSignal; readonly onArrival?: ((count: number) => void) | undefined },
): Promise<LoadAnswer> {
  const { signal, onArrival } = options;
  // Every request listens to it; that many are no leak.
  setMaxListeners(0, signal);
  const failed = (reason: string): Error => new Error(`Cannot measure ${name}: ${reason}`);
  const answer = await send({ url: `${url}${dialect.path}`, body: dialect.body(wanted), silenceMs, signal });
  if (answer.status !== 200) throw failed(new RefusedError(answer.status, await answer.text()).message);
  const arrivals: number[] = [];
  const texts: string[] = [];
  let facts: FrameFacts = {};
  const { over } = answer.frames({
    onFrame({ data }, at) {
      if (data === "[DONE]") return;
      const { text, ...others } = dialect.read(JSON.parse(data));
      facts = { ...facts, ...others };
      if (text === undefined) return;
      arrivals.push(at);
      texts.push(text);
      onArrival?.(arrivals.length);
    },
  });
  const { how, reason = "" } = await over;
  signal.throwIfAborted();
  const { promptTokens = 0, cachedTokens = 0, completionTokens, error } = facts;
  if (error !== undefined) throw failed(error);
  if (how !== "complete") throw failed(reason);
  if (completionTokens !== wanted.maxTokens) {
    throw failed(`${completionTokens} tokens were generated where ${wanted.maxTokens} were asked for`);
  }
  return { sentAt: answer.sentAt, arrivals, text: texts.join(""), promptTokens, cachedTokens, completionTokens };
}

export function ttftOf({ sentAt, arrivals }: Pick<LoadAnswer, "sentAt" | "arrivals">): number {
  return (arrivals[0] ?? Number.NaN) - sentAt;
}

type LoadFigure = "tokensPerSecond" | "ttftP50Ms" | "ttftMaxMs" | "itlP50Ms" | "itlP95Ms" | "itlP99Ms" | "itlMaxMs";

/** What streams side by side come to. Tokens per second from the first request to the last token. */
export function figuresOf(answers: readonly LoadAnswer[]): Readonly<Record<LoadFigure, number>> {
  const gaps = answers.flatMap(({ arrivals }) => gapsOf(arrivals));
  const ttfts = answers.map(ttftOf);
  const from = Math.min(...answers.map(({ sentAt }) => sentAt));
  const to = Math.max(...answers.map(({ arrivals }) => arrivals.at(-1) ?? Number.NaN));
  return {
    tokensPerSecond: sum(answers.map(({ completionTokens }) => completionTokens)) / ((to - from) / 1_000),
    ttftP50Ms: percentile(ttfts, 0.5),
    ttftMaxMs: percentile(ttfts, 1),
    itlP50Ms: percentile(gaps, 0.5),
    itlP95Ms: percentile(gaps, 0.95),
    itlP99Ms: percentile(gaps, 0.99),
    itlMaxMs: percentile(gaps, 1),
  };
}
