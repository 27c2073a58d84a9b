// Owns the sweep over concurrency: short prompts, the same number of tokens from each stream, all at once.
import { streamFigures } from "../figures.ts";
import { sideBySide, type Scenario } from "../scenario.ts";

const promptTokens = 32;

export const concurrency: Scenario = {
  name: "concurrency",
  about: `streams side by side, prompts of ${promptTokens} tokens`,
  cases: ({ concurrency: levels, maxTokens }) =>
    levels.map((streams) => ({
      label: `${streams} ${streams === 1 ? "stream" : "streams"}`,
      contextTokens: promptTokens + maxTokens + 1,
      play: async (stage) => streamFigures(await sideBySide(stage, streams, promptTokens, maxTokens)),
    })),
};
