// Owns the `timings` of an answer with llama-server's names, for the routes of llama-server and OpenAI. Times in milliseconds.
import type { EndEvent } from "@waggle/protocol";

export function answerTimings({ usage, timings }: Pick<EndEvent, "usage" | "timings">): Record<string, number> {
  const promptCount = usage.prompt_tokens - usage.cached_tokens;
  return {
    cache_n: usage.cached_tokens,
    prompt_n: promptCount,
    prompt_ms: timings.prefill_ms,
    prompt_per_token_ms: rounded(timings.prefill_ms / promptCount),
    prompt_per_second: rounded((promptCount * 1000) / timings.prefill_ms),
    predicted_n: usage.completion_tokens,
    predicted_ms: timings.decode_ms,
    // The prefill computes the first token.
    predicted_per_token_ms: rounded(timings.decode_ms / (usage.completion_tokens - 1)),
    predicted_per_second: timings.tokens_per_second,
    ...(timings.draft_n === undefined
      ? {}
      : { draft_n: timings.draft_n, draft_n_accepted: timings.draft_n_accepted ?? 0 }),
  };
}

/** Rounds to a thousandth; 0 after a division by 0. */
function rounded(value: number): number {
  return Number.isFinite(value) && value > 0 ? Math.round(value * 1000) / 1000 : 0;
}
