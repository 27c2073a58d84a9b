// Owns `waggle show`: prints the details of one model, from the worker that serves it or from the header of its file.
import type { Context, Run } from "../command.ts";
import { isOnDisk, pathOrReference, pickPath } from "../local/downloads.ts";
import { fileFacts, readCard } from "../local/file-facts.ts";
import { formatFacts } from "../terminal/table.ts";
import { isFileOrReference } from "../worker/open-session.ts";
import { findModel, modelsOf, pickModel } from "../worker/model-names.ts";
import { factsOf } from "../worker/model-words.ts";
import { findWorker, isAddressGiven } from "../worker/reach.ts";

export const run: Run = async (context, words) => {
  const [wanted = ""] = words.args;
  const { facts, data } = await lookUp(context, wanted, words.text("url"));
  context.out.write(words.has("json") ? `${JSON.stringify(data, undefined, 2)}\n` : formatFacts(facts));
};

interface Found {
  readonly facts: ReturnType<typeof factsOf>;
  readonly data: unknown;
}

async function lookUp(context: Context, wanted: string, url: string | undefined): Promise<Found> {
  if (isFileOrReference(wanted)) return await ofFile(context, await pathOrReference(context.config, wanted));
  const found = await findWorker(context, url);
  if (found === undefined) return await ofFile(context, await pickPath(context.config, wanted));
  const models = await modelsOf(found.client, context.signal);
  const isServed = findModel(models, wanted) !== undefined;
  if (!isServed && !isAddressGiven(context, url) && (await isOnDisk(context.config, wanted)))
    return await ofFile(context, await pickPath(context.config, wanted));
  const model = pickModel(models, wanted);
  return { facts: factsOf(model, Date.now()), data: model };
}

async function ofFile(context: Context, reference: string): Promise<Found> {
  const file = await readCard(context, reference);
  return { facts: fileFacts(file), data: file };
}
