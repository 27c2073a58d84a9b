// Owns `waggle rm`: deletes a model that Waggle has downloaded, after asking a person who sits there.
import { createInterface } from "node:readline/promises";
import { CliError, exitCodes } from "../cli-error.ts";
import type { Context, Run } from "../command.ts";
import { formatBytes } from "../terminal/format.ts";
import { modelsOf, pickModel } from "../worker/model-names.ts";
import { sizeWords } from "../worker/model-words.ts";
import { needWorker } from "../worker/reach.ts";

export const run: Run = async (context, words) => {
  const { client } = await needWorker(context, words.text("url"));
  const model = pickModel(await modelsOf(client, context.signal), words.args[0] ?? "");
  if (!model.deletable) {
    throw new CliError(`${model.name} is not deleted: Waggle did not download it. Delete its file yourself.`);
  }
  await confirm(context, words.has("yes"), `Delete ${model.name} (${sizeWords(model) || "of unknown size"})?`);
  const { freed_bytes: freed } = await client.models.delete(model.name, { signal: context.signal });
  context.out.write(`${model.name} is deleted; ${formatBytes(freed)} are free again.\n`);
  return exitCodes.ok;
};

/** @throws CliError when the answer is no, or nobody is there to ask */
async function confirm({ stdin, signal }: Context, yes: boolean, question: string): Promise<void> {
  if (yes) return;
  if (!stdin.isTTY) throw new CliError(`${question} Nobody is there to ask: add --yes.`, exitCodes.wrongUse);
  const editor = createInterface({ input: stdin, output: process.stderr });
  try {
    const answer = await editor.question(`${question} [y/N] `, { signal });
    if (!/^y(es)?$/i.test(answer.trim())) throw new CliError("Nothing was deleted.");
  } finally {
    editor.close();
  }
}
