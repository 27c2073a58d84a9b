// Owns `waggle pin`.
import type { Run } from "../command.ts";
import { stateWords } from "../worker/model-words.ts";
import { needWorker } from "../worker/reach.ts";

export const run: Run = async (context, words) => {
  const { client } = await needWorker(context, words.text("url"));
  const model = await client.models.pin(words.args[0] ?? "", !words.has("off"), { signal: context.signal });
  context.out.write(`${model.name} is ${stateWords(model)}.\n`);
};
