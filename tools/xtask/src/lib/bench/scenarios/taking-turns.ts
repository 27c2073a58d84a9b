// Owns the case of more conversations than slots: each comes back after the others have had the slots.
import { countFigures, ttftOf } from "../figures.ts";
import { percentile } from "../statistics.ts";
import type { Answer } from "../load-client.ts";
import type { Scenario, Stage } from "../scenario.ts";

const sessions = 40;
const firstTurnTokens = 500;
const turnTokens = 10;
const maxTokens = 8;
/** Rounds that find room in a slot's context. */
const mostTurns = 32;

export const takingTurns: Scenario = {
  name: "taking-turns",
  about: `${sessions} conversations of ${firstTurnTokens} tokens take turns, one request at a time; TTFT of a turn that comes back`,
  cases() {
    const conversations = new Map<string, string[]>();
    return [
      {
        label: `${sessions} conversations`,
        contextTokens: firstTurnTokens + mostTurns * (turnTokens + 2 * maxTokens),
        async prepare(stage) {
          const prompts = Array.from({ length: sessions }, (_, session) =>
            stage.prompts.make(firstTurnTokens, stage.seed(session)),
          );
          conversations.set(stage.targetName, prompts);
          await everyOneTakesATurn(stage, prompts);
        },
        async play(stage) {
          const prompts = conversations.get(stage.targetName) ?? [];
          prompts.forEach((prompt, session) => {
            prompts[session] = prompt + stage.prompts.continuation(turnTokens, stage.seed(session));
          });
          const answers = await everyOneTakesATurn(stage, prompts);
          const ttfts = answers.map(ttftOf);
          return { ttftP50Ms: percentile(ttfts, 0.5), ttftMaxMs: percentile(ttfts, 1), ...countFigures(answers) };
        },
      },
    ];
  },
};

/** Adds each answer to its conversation. */
async function everyOneTakesATurn(stage: Stage, prompts: string[]): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const [session, prompt] of prompts.entries()) {
    const answer = await stage.generate({ prompt, maxTokens, sessionId: `bench-${stage.targetName}-turns-${session}` });
    prompts[session] = prompt + answer.text;
    answers.push(answer);
  }
  return answers;
}
