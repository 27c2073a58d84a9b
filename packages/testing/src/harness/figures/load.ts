// Owns a measured request in any dialect: records when each piece of text arrives, and takes token counts from the server.
import { setMaxListeners } from "node:events";
import { onAbort } from "@waggle/async";
import type { AnswerRequest, Payload, StreamDialect } from "../streams/dialects.ts";
import { RefusedError, send } from "../streams/http.ts";
import { gapsOf, percentile, sum } from "./statistics.ts";

export interface LoadRequest extends Pick<AnswerRequest, "prompt" | "sessionId"> {
  /** The server must generate exactly this number of tokens; with a schema, at most this number. */
  readonly maxTokens: number;
  readonly seed: number;
  /** JSON schema of the answer. */
  readonly schema?: object;
}

/** Common sampling settings: greedy decoding would leave out most of the sampler's work. */
const usualSampling = {
  temperature: 0.8,
  top_k: 40,
  top_p: 0.95,
  min_p: 0.05,
  repeat_penalty: 1,
  presence_penalty: 0,
  frequency_penalty: 0,
  ignore_eos: true,
} as const;

/** The server to measure. */
export interface LoadTarget {
  readonly name: string;
  /** Base URL, without a path. */
  readonly url: string;
  /** `nativeDialect` or `completionsDialect`: the harness reads token counts in these two dialects only. */
  readonly dialect: StreamDialect;
}

/** Times are milliseconds of `performance.now()`. */
export interface LoadAnswer {
  readonly sentAt: number;
  /** When the bytes of each frame with text were read. */
  readonly arrivals: readonly number[];
  readonly text: string;
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly completionTokens: number;
  /** Undefined when the server reports no guesses. */
  readonly guessedTokens?: number | undefined;
  readonly rightGuesses?: number | undefined;
}

export interface LoadOptions {
  readonly signal: AbortSignal;
  /** Called after each piece of text with the number of pieces. */
  readonly onArrival?: ((count: number) => void) | undefined;
  /** Ends the answer early. Its pieces of text are then counted as its tokens. */
  readonly until?: AbortSignal | undefined;
}

const silenceMs = 120_000;

/**
 * Sends a request and reads the whole answer. Each request opens a new connection: a server may close an idle connection at any time,
 * also while the next request is on its way.
 * @throws Error when the server refuses the request, breaks the stream off, is silent too long, or generates another number of tokens
 */
export async function generate(
  { name, url, dialect }: LoadTarget,
  { seed, schema, ...wanted }: LoadRequest,
  options: LoadOptions,
): Promise<LoadAnswer> {
  const { signal, onArrival, until } = options;
  // Each running request adds a listener. Node would report more than 10 listeners as a leak.
  setMaxListeners(0, signal);
  const failed = (reason: string): Error => new Error(`Cannot measure ${name}: ${reason}`);
  // The server has one model, and neither dialect sends a model's name.
  // Without `ignore_eos` where there is a schema: an answer ends where the schema does.
  const constraint = schema === undefined ? {} : { json_schema: schema, ignore_eos: false };
  const body = dialect.body({ ...wanted, model: "", sampling: { ...usualSampling, ...constraint, seed } });
  const answer = await send({ url: `${url}${dialect.path}`, body, silenceMs, signal });
  if (answer.status !== 200) throw failed(new RefusedError(answer.status, await answer.text()).message);
  const arrivals: number[] = [];
  const texts: string[] = [];
  const counts = { promptTokens: 0, cachedTokens: 0, completionTokens: 0 };
  const guesses: { guessedTokens?: number | undefined; rightGuesses?: number | undefined } = {};
  let failure: string | undefined;
  const { over, leave } = answer.frames({
    onFrame({ data }, at) {
      if (data === dialect.done) return;
      const { text, error, ...read } = dialect.read(JSON.parse(data) as Payload);
      failure ??= error;
      for (const name of ["promptTokens", "cachedTokens", "completionTokens"] as const)
        counts[name] = read[name] ?? counts[name];
      for (const name of ["guessedTokens", "rightGuesses"] as const) guesses[name] = read[name] ?? guesses[name];
      if (text === undefined) return;
      arrivals.push(at);
      texts.push(text);
      onArrival?.(arrivals.length);
    },
  });
  if (until !== undefined) onAbort(until, leave);
  const { how, reason = "" } = await over;
  signal.throwIfAborted();
  if (failure !== undefined) throw failed(failure);
  const read = { sentAt: answer.sentAt, arrivals, text: texts.join(""), ...guesses };
  if (how === "left") return { ...read, ...counts, completionTokens: arrivals.length };
  if (how !== "complete") throw failed(reason);
  const { completionTokens } = counts;
  if (schema === undefined ? completionTokens !== wanted.maxTokens : completionTokens > wanted.maxTokens) {
    throw failed(`${completionTokens} tokens were generated where ${wanted.maxTokens} were asked for`);
  }
  return { ...read, ...counts };
}

export function ttftOf({ sentAt, arrivals }: Pick<LoadAnswer, "sentAt" | "arrivals">): number {
  return (arrivals[0] ?? Number.NaN) - sentAt;
}

type LoadFigure = "tokensPerSecond" | "ttftP50Ms" | "ttftMaxMs" | "itlP50Ms" | "itlP95Ms" | "itlP99Ms" | "itlMaxMs";

/** Figures of streams that ran at the same time. Tokens per second count from the first request to the last token. */
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
