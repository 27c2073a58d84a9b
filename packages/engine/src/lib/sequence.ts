// Owns a running job: its text, its counts and the decision to end. It is told tokens and times, and knows no slot or
// backend.
import type { Token } from "./backend.ts";
import type { JobEvent, JobTotals, LogprobEntry } from "./messages.ts";
import { createTextAssembler } from "./text.ts";

type TokenEvent = Extract<JobEvent, { type: "token" }>;

export interface SequenceOptions {
  readonly jobId: string;
  readonly stop: readonly string[];
  readonly ignoreEos: boolean;
  readonly promptTokens: number;
  readonly cachedTokens: number;
  /** Asked for; the context's end may come first, unless the context is shifted. */
  readonly maxTokens: number | undefined;
  readonly contextShift: boolean;
  readonly contextSize: number;
  readonly startedAtMs: number;
}

export interface SampledToken {
  readonly token: Token;
  readonly bytes: Uint8Array;
  readonly endOfGeneration: boolean;
  readonly logprobs?: LogprobEntry;
}

export interface Accepted {
  /** Absent while the token has no text of its own yet. */
  readonly event: TokenEvent | undefined;
  /** Set when this token is the last one. */
  readonly finish: "stop" | "length" | undefined;
}

export interface Sequence {
  readonly jobId: string;
  readonly completionTokens: number;
  /** The token sampled last, which the next decode step feeds. @throws Error before the first one */
  readonly lastToken: Token;
  accept(sampled: SampledToken, atMs: number): Accepted;
  /** For an end from outside: the text that was held back, if any. */
  flush(atMs: number): TokenEvent | undefined;
  totals(atMs: number): JobTotals;
}

/** A job from its slot on. Times are milliseconds on one clock; durations come out rounded to microseconds. */
export function createSequence(options: SequenceOptions): Sequence {
  const { jobId, startedAtMs } = options;
  const room = options.contextShift ? Infinity : options.contextSize - options.promptTokens;
  const maxTokens = Math.min(options.maxTokens ?? Infinity, room);
  const assembler = createTextAssembler(options.stop);
  let lastToken: Token | undefined;
  let completionTokens = 0;
  let eventIndex = 0;
  /** Tokens that no event has told yet. */
  let untold: Token[] = [];
  /** Of these tokens. */
  let logprobs: LogprobEntry[] = [];
  let firstTokenAtMs: number | undefined;
  let lastTokenAtMs = startedAtMs;

  function tokenEvent(text: string, atMs: number): TokenEvent | undefined {
    if (text === "") return undefined;
    const ids = untold;
    untold = [];
    const n = Math.max(1, ids.length);
    const tMs = roundMs(atMs - startedAtMs);
    const event = { type: "token" as const, jobId, index: eventIndex++, text, tMs, n, ids };
    if (logprobs.length === 0) return event;
    const entries = logprobs;
    logprobs = [];
    return { ...event, logprobs: entries };
  }

  return {
    jobId,
    get completionTokens() {
      return completionTokens;
    },
    get lastToken() {
      if (lastToken === undefined) throw new Error(`Cannot decode job ${jobId}: it has sampled no token yet`);
      return lastToken;
    },

    accept({ token, bytes, endOfGeneration, logprobs: entry }, atMs) {
      lastToken = token;
      completionTokens += 1;
      firstTokenAtMs ??= atMs;
      lastTokenAtMs = atMs;

      const ends = endOfGeneration && !options.ignoreEos;
      if (!ends) untold.push(token);
      if (!ends && entry !== undefined) logprobs.push(entry);
      const pushed = ends ? { text: "", stopped: false } : assembler.push(bytes);
      if (pushed.stopped) return { event: tokenEvent(pushed.text, atMs), finish: "stop" };
      if (!ends && completionTokens < maxTokens) return { event: tokenEvent(pushed.text, atMs), finish: undefined };

      // The rest may itself complete a stop string: U+FFFD for an unfinished character is text like any other.
      const rest = assembler.end();
      return { event: tokenEvent(pushed.text + rest.text, atMs), finish: ends || rest.stopped ? "stop" : "length" };
    },

    flush: (atMs) => tokenEvent(assembler.end().text, atMs),

    totals: (atMs) => ({
      promptTokens: options.promptTokens,
      cachedTokens: options.cachedTokens,
      completionTokens,
      prefillMs: roundMs((firstTokenAtMs ?? atMs) - startedAtMs),
      decodeMs: roundMs(firstTokenAtMs === undefined ? 0 : lastTokenAtMs - firstTokenAtMs),
    }),
  };
}

function roundMs(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
