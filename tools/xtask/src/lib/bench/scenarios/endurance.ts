// Owns the case of very many short requests: what a server keeps of each shows in its memory.
import { streamFigures } from "../figures.ts";
import type { Answer } from "../load-client.ts";
import type { Scenario, Stage } from "../scenario.ts";

const requests = 2_000;
const atOnce = 8;
const promptTokens = 16;
const maxTokens = 4;

export const endurance: Scenario = {
  name: "endurance",
  about: `${requests} short requests, ${atOnce} at once: what the memory gains; 5 rounds are 10,000`,
  cases: () => [
    {
      label: `${requests} requests`,
      contextTokens: promptTokens + maxTokens + 1,
      watchesMemory: true,
      async play(stage) {
        const answers = await Promise.all(Array.from({ length: atOnce }, (_, lane) => oneAfterTheOther(stage, lane)));
        return streamFigures(answers.flat());
      },
    },
  ],
};

async function oneAfterTheOther(stage: Stage, lane: number): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let i = 0; i < requests / atOnce; i++) {
    const prompt = stage.prompts.make(promptTokens, stage.seed(lane + i * atOnce));
    answers.push(await stage.generate({ prompt, maxTokens }));
  }
  return answers;
}
