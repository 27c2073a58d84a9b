// Owns the `timings` of an unfinished answer: llama-server's `timings_per_token`. Times in milliseconds.
import type { PromptProgressReport, StartedEvent, TokenEvent } from "@waggle/protocol";
import { answerTimings } from "./answer-timings.ts";

type Timings = ReturnType<typeof answerTimings>;

/** The timings of one stream. Events must be passed in order. */
export interface RunningTimings {
  start(event: StartedEvent): void;
  ofProgress(report: PromptProgressReport): Timings;
  /** Timings of the token's choice, including the token. */
  ofToken(event: TokenEvent): Timings;
}

export function createRunningTimings(): RunningTimings {
  let promptTokens = 0;
  let cachedTokens = 0;
  const choices = new Map<number, { count: number; readonly firstMs: number }>();

  return {
    start(event) {
      promptTokens = event.prompt_tokens;
      cachedTokens = event.cached_tokens;
    },
    ofProgress: ({ processed, cache, time_ms: prefillMs }) =>
      timingsOf({ promptTokens: processed, cachedTokens: cache, count: 0, prefillMs, decodeMs: 0 }),
    ofToken({ choice: index = 0, ids = [], t_ms: atMs }) {
      const choice = choices.get(index) ?? { count: 0, firstMs: atMs };
      choice.count += ids.length;
      choices.set(index, choice);
      const { count, firstMs } = choice;
      return timingsOf({ promptTokens, cachedTokens, count, prefillMs: firstMs, decodeMs: atMs - firstMs });
    },
  };
}

interface SoFar {
  readonly promptTokens: number;
  readonly cachedTokens: number;
  /** Number of generated tokens. */
  readonly count: number;
  readonly prefillMs: number;
  readonly decodeMs: number;
}

function timingsOf({ promptTokens, cachedTokens, count, prefillMs, decodeMs }: SoFar): Timings {
  return answerTimings({
    usage: {
      prompt_tokens: promptTokens,
      cached_tokens: cachedTokens,
      completion_tokens: count,
      total_tokens: promptTokens + count,
    },
    timings: {
      queue_ms: 0,
      prefill_ms: prefillMs,
      decode_ms: decodeMs,
      total_ms: 0,
      // The prefill computes the first token.
      tokens_per_second: decodeMs > 0 ? ((count - 1) * 1000) / decodeMs : 0,
    },
  });
}
