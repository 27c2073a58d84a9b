// Owns `waggle rm`: deletes a model that Waggle has downloaded, after a confirmation.
import { createCatalogue } from "@waggle/models/download";
import { CliError } from "../cli-error.ts";
import type { Context, Run } from "../command.ts";
import { findDownload, pickDownload } from "../local/downloads.ts";
import { confirm } from "../terminal/confirm.ts";
import { formatBytes } from "@waggle/daemon/terminal";
import { findModel, modelsOf, pickModel } from "../worker/model-names.ts";
import { sizeWords } from "../worker/model-words.ts";
import { findWorker, isAddressGiven, type Reached } from "../worker/reach.ts";

export const run: Run = async (context, words) => {
  const [wanted = ""] = words.args;
  const yes = words.has("yes");
  const found = await findWorker(context, words.text("url"));
  const isHere = found === undefined || (await isUnserved(context, found, wanted, words.text("url")));
  await (isHere ? removeHere(context, wanted, yes) : removeThere(context, found, wanted, yes));
};

/** Whether the text names a download that the worker does not serve. */
async function isUnserved(
  context: Context,
  { client }: Reached,
  wanted: string,
  url: string | undefined,
): Promise<boolean> {
  if (isAddressGiven(context, url)) return false;
  if (findModel(await modelsOf(client, context.signal), wanted) !== undefined) return false;
  return (await findDownload(context.config, wanted)) !== undefined;
}

async function removeThere(context: Context, { client }: Reached, wanted: string, yes: boolean): Promise<void> {
  const model = pickModel(await modelsOf(client, context.signal), wanted);
  if (!model.deletable) {
    throw new CliError(`${model.name} is not deleted: Waggle did not download it. Delete its file yourself.`);
  }
  await confirm(
    context,
    yes,
    `Delete ${model.name} (${sizeWords(model) || "of unknown size"})?`,
    "Nothing was deleted.",
  );
  const { freed_bytes: freed } = await client.models.delete(model.name, { signal: context.signal });
  context.out.write(`${model.name} is deleted; ${formatBytes(freed)} are free again.\n`);
}

async function removeHere(context: Context, wanted: string, yes: boolean): Promise<void> {
  const { name, bytes } = await pickDownload(context.config, wanted);
  await confirm(context, yes, `Delete ${name} (${formatBytes(bytes)})?`, "Nothing was deleted.");
  const { freedBytes } = await createCatalogue({ folder: context.config.modelsFolder }).remove(name);
  context.out.write(`${name} is deleted; ${formatBytes(freedBytes)} are free again.\n`);
}
