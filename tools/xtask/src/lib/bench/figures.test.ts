// Tests what is computed from streams.
import { describe, expect, it } from "vitest";
import { gapsOf, streamFigures, ttftOf } from "./figures.ts";
import type { Answer } from "./load-client.ts";

function answer(sentAt: number, arrivals: number[], completionTokens = arrivals.length): Answer {
  return { sentAt, arrivals, text: "", promptTokens: 7, cachedTokens: 2, completionTokens };
}

describe("figures of streams", () => {
  it("are the gaps between arrivals and the wait for the first", () => {
    expect(gapsOf(answer(0, [10, 12, 17]))).toEqual([2, 5]);
    expect(gapsOf(answer(0, [10]))).toEqual([]);
    expect(ttftOf(answer(4, [10, 12]))).toBe(6);
    expect(ttftOf(answer(4, []))).toBeNaN();
  });

  it("count all tokens from the first request to the last token", () => {
    const figures = streamFigures([answer(100, [200, 300]), answer(150, [250, 600], 6)]);
    expect(figures.tokensPerSecond).toBe(8 / 0.5);
    expect(figures).toMatchObject({ ttftP50Ms: 100, ttftMaxMs: 100, itlP50Ms: 100, itlMaxMs: 350 });
    expect(figures).toMatchObject({ promptTokens: 14, cachedTokens: 4, completionTokens: 8 });
  });
});
