// Owns `waggle show`: all that is known of one model.
import { exitCodes } from "../cli-error.ts";
import type { Run } from "../command.ts";
import { formatFacts } from "../terminal/table.ts";
import { modelsOf, pickModel } from "../worker/model-names.ts";
import { factsOf } from "../worker/model-words.ts";
import { needWorker } from "../worker/reach.ts";

export const run: Run = async (context, words) => {
  const { client } = await needWorker(context, words.text("url"));
  const model = pickModel(await modelsOf(client, context.signal), words.args[0] ?? "");
  context.out.write(
    words.has("json") ? `${JSON.stringify(model, undefined, 2)}\n` : formatFacts(factsOf(model, Date.now())),
  );
  return exitCodes.ok;
};
