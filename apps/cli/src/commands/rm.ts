// Owns `waggle rm`: deletes a model that Waggle has downloaded, after a confirmation.
import { createCatalogue } from "@waggle/models/download";
import { CliError } from "../cli-error.ts";
import type { Context, Run } from "../command.ts";
import { pickDownload } from "../local/downloads.ts";
import { confirm } from "../terminal/confirm.ts";
import { formatBytes } from "@waggle/daemon/terminal";
import { modelsOf, pickModel } from "../worker/model-names.ts";
import { sizeWords } from "../worker/model-words.ts";
import { findWorker, type Reached } from "../worker/reach.ts";

export const run: Run = async (context, words) => {
  const [wanted = ""] = words.args;
  const yes = words.has("yes");
  const found = await findWorker(context, words.text("url"));
  await (found === undefined ? removeHere(context, wanted, yes) : removeThere(context, found, wanted, yes));
};

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
