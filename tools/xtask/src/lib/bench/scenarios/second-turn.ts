// Owns the second turn of a conversation: how soon its first token comes when most of the prompt is behind it already.
import { countFigures, ttftOf } from "../figures.ts";
import type { Scenario } from "../scenario.ts";

const firstTurnTokens = 1_000;
const answerTokens = 32;
const secondTurnTokens = 20;

export const secondTurn: Scenario = {
  name: "second-turn",
  about: `a conversation goes on with ${secondTurnTokens} tokens after ${firstTurnTokens} and an answer`,
  cases: () => [
    {
      label: `${firstTurnTokens} tokens behind it`,
      contextTokens: firstTurnTokens + 2 * answerTokens + 2 * secondTurnTokens,
      async play(stage) {
        const session = { sessionId: `bench-${stage.targetName}-${stage.seed(0)}`, maxTokens: answerTokens };
        const prompt = stage.prompts.make(firstTurnTokens, stage.seed(0));
        const first = await stage.generate({ ...session, prompt });
        const answer = await stage.generate({
          ...session,
          prompt: `${prompt}${first.text}${stage.prompts.continuation(secondTurnTokens, stage.seed(1))}`,
        });
        return { ttftP50Ms: ttftOf(answer), ...countFigures([answer]) };
      },
    },
  ],
};
