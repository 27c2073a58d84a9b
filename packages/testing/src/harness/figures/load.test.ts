// Tests the figures of streams under load.
import { expect, it } from "vitest";
import { figuresOf, ttftOf, type LoadAnswer } from "./load.ts";

function answer(sentAt: number, arrivals: number[], completionTokens = arrivals.length): LoadAnswer {
  return { sentAt, arrivals, text: "", promptTokens: 7, cachedTokens: 2, completionTokens };
}

it("measures the time to the first token from the sending of the request", () => {
  expect(ttftOf(answer(4, [10, 12]))).toBe(6);
  expect(ttftOf(answer(4, []))).toBeNaN();
});

it("divides all tokens by the time from the first request to the last token", () => {
  const figures = figuresOf([answer(100, [200, 300]), answer(150, [250, 600], 6)]);
  expect(figures.tokensPerSecond).toBe(8 / 0.5);
  expect(figures).toMatchObject({ ttftP50Ms: 100, ttftMaxMs: 100, itlP50Ms: 100, itlMaxMs: 350 });
});
