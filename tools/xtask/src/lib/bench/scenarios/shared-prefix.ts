// Owns the case of many requests at once with the same beginning, which nobody has computed yet.
import { countFigures, ttftOf } from "../figures.ts";
import { percentile } from "../statistics.ts";
import type { Scenario } from "../scenario.ts";

const sharedTokens = 600;
const ownTokens = 20;
const maxTokens = 8;
const requests = 8;

export const sharedPrefix: Scenario = {
  name: "shared-prefix",
  about: `${requests} requests at once share ${sharedTokens} tokens that are not cached; TTFT max is the last first token`,
  cases: () => [
    {
      label: `${requests} share ${sharedTokens} tokens`,
      contextTokens: sharedTokens + ownTokens + maxTokens + 1,
      async play(stage) {
        const shared = stage.prompts.make(sharedTokens, stage.seed(0));
        const answers = await Promise.all(
          Array.from({ length: requests }, (_, request) =>
            stage.generate({
              prompt: `${shared}${stage.prompts.continuation(ownTokens, stage.seed(request + 1))}`,
              maxTokens,
            }),
          ),
        );
        const ttfts = answers.map(ttftOf);
        return { ttftP50Ms: percentile(ttfts, 0.5), ttftMaxMs: percentile(ttfts, 1), ...countFigures(answers) };
      },
    },
  ],
};
