// Owns what llama-server's fields add to a stream: `return_progress` the progress of the prompt, and `timings_per_token` the timings of the unfinished
// answer. Times in milliseconds.
import type { PromptProgressReport, StreamEvent, TokenEvent } from "@waggle/protocol";
import { answerTimings } from "./answer-timings.ts";
import { createPromptProgressReporter } from "./prompt-progress.ts";

type Timings = ReturnType<typeof answerTimings>;

export interface ExtraFields {
  readonly return_progress?: boolean | null | undefined;
  readonly timings_per_token?: boolean | null | undefined;
}

/** Empty without the request's fields. */
export interface StreamExtras {
  /** The new progress of the prompt; undefined without new progress. Every event of the stream must be passed, in order. */
  ofEvent(
    event: StreamEvent,
  ): { readonly prompt_progress: PromptProgressReport; readonly timings?: Timings } | undefined;
  /** Timings of the token's choice, including the token. */
  ofToken(event: TokenEvent): { readonly timings?: Timings };
}

export function createStreamExtras({ return_progress: reports, timings_per_token: times }: ExtraFields): StreamExtras {
  const reportOf = reports === true ? createPromptProgressReporter() : undefined;
  let promptTokens = 0;
  let cachedTokens = 0;
  const choices = new Map<number, { count: number; readonly firstMs: number }>();

  return {
    ofEvent(event) {
      if (event.type === "started") ({ prompt_tokens: promptTokens, cached_tokens: cachedTokens } = event);
      const report = reportOf?.(event);
      if (report === undefined) return undefined;
      const { processed, cache, time_ms: prefillMs } = report;
      const soFar = { promptTokens: processed, cachedTokens: cache, count: 0, prefillMs, decodeMs: 0 };
      return { prompt_progress: report, ...(times === true ? { timings: timingsOf(soFar) } : {}) };
    },
    ofToken({ choice: index = 0, ids = [], t_ms: atMs }) {
      if (times !== true) return {};
      const choice = choices.get(index) ?? { count: 0, firstMs: atMs };
      choice.count += ids.length;
      choices.set(index, choice);
      const { count, firstMs } = choice;
      const soFar = { promptTokens, cachedTokens, count, prefillMs: firstMs, decodeMs: atMs - firstMs };
      return { timings: timingsOf(soFar) };
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
