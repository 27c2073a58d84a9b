// Owns `waggle pin` and `waggle unpin`.
import type { Context, Run, Words } from "../command.ts";
import { stateWords } from "../worker/model-words.ts";
import { needWorker } from "../worker/reach.ts";

export const run: Run = (context, words) => setPinned(context, words, true);
export const unpin: Run = (context, words) => setPinned(context, words, false);

async function setPinned(context: Context, words: Words, pinned: boolean): Promise<undefined> {
  const { client } = await needWorker(context, words.text("url"));
  const model = await client.models.pin(words.args[0] ?? "", pinned, { signal: context.signal });
  context.out.write(`${model.name} is ${stateWords(model)}.\n`);
}
