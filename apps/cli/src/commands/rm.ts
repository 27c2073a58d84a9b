// Owns `waggle rm`: deletes a model that Waggle has downloaded, after a confirmation.
import { basename } from "node:path";
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
  const served = found && (await servedName(context, found, wanted, words.text("url")));
  await (found === undefined || served === undefined
    ? removeHere(context, wanted, yes)
    : removeThere(context, found, served, yes));
};

/** The worker's name for the model; undefined for a download that the worker does not serve. */
async function servedName(
  context: Context,
  { client }: Reached,
  wanted: string,
  url: string | undefined,
): Promise<string | undefined> {
  if (isAddressGiven(context, url)) return wanted;
  const models = await modelsOf(client, context.signal);
  const download = findModel(models, wanted) === undefined ? await findDownload(context.config, wanted) : undefined;
  return download === undefined ? wanted : models.find(({ file }) => file === basename(download.path))?.name;
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
