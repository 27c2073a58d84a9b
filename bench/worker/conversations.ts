// Owns the scenarios that find prompts in the KV cache: turns of conversations, and parallel requests with a common prefix.
import { percentile, times, ttftOf, type LoadAnswer } from "@waggle/testing/harness";
import { countFigures, type Figures } from "./figures.ts";
import type { Scenario } from "./scenario.ts";

const longTurnTokens = 1_000;
const answerTokens = 32;
const secondTurnTokens = 20;

/** Time to the first token of a second turn, whose prompt is mostly the first turn. */
export const secondTurn: Scenario = {
  name: "second-turn",
  cases: () => [
    {
      label: `after ${longTurnTokens} tokens`,
      contextTokens: longTurnTokens + 2 * answerTokens + 2 * secondTurnTokens,
      async play({ prompts, seed, generate, targetName }) {
        const session = { sessionId: `bench-${targetName}-${seed(0)}`, maxTokens: answerTokens };
        const prompt = prompts.make(longTurnTokens, seed(0));
        const { text } = await generate({ ...session, prompt });
        const next = prompts.continuation(secondTurnTokens, seed(1));
        const answer = await generate({ ...session, prompt: `${prompt}${text}${next}` });
        return { ttftP50Ms: ttftOf(answer), ...countFigures([answer]) };
      },
    },
  ],
};

const sharedTokens = 600;
const ownTokens = 20;
const sharing = 8;

/** Parallel requests with the same prefix, which is not in the KV cache yet. TTFT max is the time until all requests have their first token. */
export const sharedPrefix: Scenario = {
  name: "shared-prefix",
  cases: () => [
    {
      label: `${sharing} requests share ${sharedTokens} tokens`,
      contextTokens: sharedTokens + ownTokens + answerTokens + 1,
      async play({ prompts, seed, generate }) {
        const shared = prompts.make(sharedTokens, seed(0));
        const answers = await times(sharing, (request) => {
          const prompt = `${shared}${prompts.continuation(ownTokens, seed(request + 1))}`;
          return generate({ prompt, maxTokens: answerTokens });
        });
        return ttftFigures(answers);
      },
    },
  ],
};

function ttftFigures(answers: readonly LoadAnswer[]): Figures {
  const ttfts = answers.map(ttftOf);
  return { ttftP50Ms: percentile(ttfts, 0.5), ttftMaxMs: percentile(ttfts, 1), ...countFigures(answers) };
}
