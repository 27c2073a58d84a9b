import { describe, expect, it } from "vitest";
import { contextFigures } from "./contexts.ts";

/** A stream that was sent at 1,000 ms. */
function stream(...arrivals: number[]): Parameters<typeof contextFigures>[0][number] {
  return { sentAt: 1_000, arrivals, text: "", promptTokens: 9, cachedTokens: 0, completionTokens: arrivals.length };
}

describe("contextFigures", () => {
  it("counts tokens from half a second after all prompts are read, and gaps before", () => {
    const answers = [stream(1_500, 1_600, 2_050, 2_100, 2_600, 3_000, 4_600), stream(2_000, 2_500, 3_500)];
    expect(contextFigures(answers, 4_500)).toEqual({
      ...{ allReadMs: 1_000, decodeTokensPerSecond: 1.5 },
      ...{ itlP50Ms: 100, itlMaxMs: 450, completionTokens: 10 },
    });
  });

  it("knows no speed if a stream ended before the window, and no time if a prompt was not read", () => {
    expect(contextFigures([stream(1_500), stream(2_000)], 2_400).decodeTokensPerSecond).toBeNaN();
    expect(contextFigures([stream(1_500), stream()], 2_400).allReadMs).toBeNaN();
  });
});
