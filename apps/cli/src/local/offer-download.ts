// Offers the download that a user probably means who names a model as other programs do: `qwen3`, `llama3.2:3b`, `hf.co/user/repo`.
import { existsSync } from "node:fs";
import { likelyReference } from "@waggle/models/download";
import type { Context } from "../command.ts";
import { ask, type Asker } from "../terminal/confirm.ts";
import { isEmbeddedModel } from "./embedded-model.ts";

/**
 * Asks only in a terminal; elsewhere, and after a no, the caller's error names the reference.
 * @param word a name that is no model on this machine
 * @returns the reference to use instead; undefined after a no
 */
export async function offerDownload(
  { stdin, out, err, signal }: Asker & Pick<Context, "out">,
  word: string,
): Promise<string | undefined> {
  const likely = isEmbeddedModel(word) ? undefined : likelyReference(word);
  if (likely === undefined || !stdin.isTTY || !out.isTerminal) return undefined;
  const question = `There is no model ${word} here. Download ${likely} instead?`;
  return (await ask({ stdin, err, signal }, question)) ? likely : undefined;
}

/** The words of `waggle serve`, with the references that the user accepts in place of the names. */
export async function offerDownloads(
  context: Asker & Pick<Context, "out">,
  words: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<readonly string[]> {
  if (!words.some((word) => isUnknown(modelIn(word)))) return words;
  const { readSettings } = await import("@waggle/worker");
  const settings = await readSettings(words, env);
  if (settings.kind !== "run" || settings.config.backend === "fake") return words;
  // Only the worker's parser knows which words are models, and which are values of flags.
  const models = new Set(settings.config.models.map(({ reference }) => reference));
  const accepted: string[] = [];
  for (const word of words) {
    const model = modelIn(word);
    const likely = models.has(model) && isUnknown(model) ? await offerDownload(context, model) : undefined;
    accepted.push(likely === undefined ? word : word.slice(0, word.length - model.length) + likely);
  }
  return accepted;
}

/** The model in `model`, `name=model` or `--model=model`. */
function modelIn(word: string): string {
  return word.slice(word.lastIndexOf("=") + 1);
}

function isUnknown(model: string): boolean {
  return likelyReference(model) !== undefined && !isEmbeddedModel(model) && !existsSync(model);
}
