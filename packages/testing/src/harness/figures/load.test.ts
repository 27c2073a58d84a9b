// Tests the figures of streams under load.
import { expect, it } from "vitest";
import { figuresOf } from "./load.ts";

it("divides all tokens by the time from the first request to the last token", () => {
  const stream = (sentAt: number, arrivals: number[]) => ({
    sentAt,
    arrivals,
    text: "",
    promptTokens: 7,
    cachedTokens: 2,
  });
  const answers = [stream(100, [200, 300]), stream(150, [250, 600])];
  expect(figuresOf(answers.map((answer) => ({ ...answer, completionTokens: 4 })))).toMatchObject({
    ...{ tokensPerSecond: 8 / 0.5, ttftP50Ms: 100, ttftMaxMs: 100, itlP50Ms: 100, itlMaxMs: 350 },
  });
});
