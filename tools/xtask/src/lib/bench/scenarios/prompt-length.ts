// Owns the sweep over prompt lengths: how soon the first token comes, one request at a time, nothing cached.
import { countFigures, ttftOf } from "../figures.ts";
import { sideBySide, type Scenario } from "../scenario.ts";

const lengths = [128, 512, 1_000, 2_000];
const maxTokens = 2;

export const promptLength: Scenario = {
  name: "prompt-length",
  about: "one request with a prompt that was never seen",
  cases: () =>
    lengths.map((tokens) => ({
      label: `${tokens} tokens`,
      contextTokens: tokens + maxTokens + 1,
      async play(stage) {
        const answers = await sideBySide(stage, 1, tokens, maxTokens);
        const ttftMs = ttftOf(answers[0] ?? { sentAt: 0, arrivals: [] });
        return { ttftP50Ms: ttftMs, prefillTokensPerSecond: tokens / (ttftMs / 1_000), ...countFigures(answers) };
      },
    })),
};
