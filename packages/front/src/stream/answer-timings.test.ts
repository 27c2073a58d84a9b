import { expect, test } from "vitest";
import { answerTimings } from "./answer-timings.ts";

const timingsOf = (prompt: number, cached: number, completion: number): Record<string, number> =>
  answerTimings({
    usage: {
      prompt_tokens: prompt,
      cached_tokens: cached,
      completion_tokens: completion,
      total_tokens: prompt + completion,
    },
    timings: { queue_ms: 1, prefill_ms: 30, decode_ms: 40, total_ms: 71, tokens_per_second: 100 },
  });

test("cached tokens are not counted, and the time of the first token counts as prompt time", () => {
  expect(timingsOf(10, 4, 5)).toEqual({
    cache_n: 4,
    prompt_n: 6,
    prompt_ms: 30,
    prompt_per_token_ms: 5,
    prompt_per_second: 200,
    predicted_n: 5,
    predicted_ms: 40,
    predicted_per_token_ms: 10,
    predicted_per_second: 100,
  });
});

test("guesses have llama-server's names", () => {
  const usage = { prompt_tokens: 1, cached_tokens: 0, completion_tokens: 9, total_tokens: 10 };
  const timings = { queue_ms: 1, prefill_ms: 30, decode_ms: 40, total_ms: 71, tokens_per_second: 100 };
  const guesses = { draft_n: 8, draft_n_accepted: 6 };
  expect(answerTimings({ usage, timings: { ...timings, ...guesses } })).toMatchObject(guesses);
});

test("an answer of one token has no time per token", () => {
  expect(timingsOf(10, 10, 1)).toMatchObject({ prompt_per_token_ms: 0, predicted_per_token_ms: 0 });
});
