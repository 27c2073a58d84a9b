// Checks the files that the operator has named before the worker listens: whether each can be a model or an adapter, and its name.
import { basename } from "node:path";
import { StartError } from "@waggle/daemon";
import { GgufError, isLoraAdapter, readGgufFile } from "@waggle/models/header";
import { nameOf, shownReference, uniqueName } from "@waggle/models/download";
import { exitCodes } from "@waggle/protocol";

/** Whether the reference is a path on this machine, not a download. */
function isLocalFile(reference: string): boolean {
  return !/^(?:hf|ollama|https?):/i.test(reference);
}

/**
 * The name of a model without a configured name: of a file as its header says, else its file name; of a download its reference, whether or not
 * it is on the disk. The name stays the same before and after loading.
 * @throws StartError for a file that is missing, unreadable, or no model
 */
export async function ownName(reference: string): Promise<string> {
  const name = isLocalFile(reference) ? ((await lookAt(reference)).name ?? basename(reference)) : nameOf(reference);
  return uniqueName(name, new Set());
}

/**
 * Checks that at least one file can be a model. The worker then serves the usable ones and reports the problems of the others.
 * @throws StartError when none of them is usable; its message is a sentence for each
 */
export async function requireUsable(references: readonly string[]): Promise<void> {
  const problems: string[] = [];
  for (const reference of references) {
    if (!isLocalFile(reference)) return;
    try {
      await lookAt(reference);
      return;
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      problems.push(error.message);
    }
  }
  if (problems.length > 0) throw new StartError(problems.join(" "), exitCodes.fileUnusable);
}

/**
 * Checks that at least one model can have its adapters. The worker then serves the usable models and reports the problems of the others.
 * @param sets the adapters of each model, as paths
 * @throws StartError when none of them can; its message is a sentence for each adapter that cannot be used
 */
export async function requireAdapters(sets: readonly (readonly string[])[]): Promise<void> {
  if (sets.length === 0) return;
  const paths = [...new Set(sets.flat())];
  const found = await Promise.all(paths.map(async (path) => [path, await adapterProblem(path)] as const));
  const problems = new Map(found.flatMap(([path, why]) => (why === undefined ? [] : [[path, why]])));
  if (sets.some((set) => !set.some((path) => problems.has(path)))) return;
  const sentences = [...problems].map(([path, why]) => `Cannot use --lora ${path}: ${why}.`);
  throw new StartError(sentences.join(" "), exitCodes.fileUnusable);
}

/** The problem as the end of a sentence; undefined without one. The engine checks later whether the adapter fits the model. */
async function adapterProblem(path: string): Promise<string | undefined> {
  try {
    return isLoraAdapter(await readGgufFile(path)) ? undefined : "not a LoRA adapter";
  } catch (error) {
    if (error instanceof GgufError) return error.message;
    throw error;
  }
}

async function lookAt(reference: string): Promise<{ readonly name: string | undefined }> {
  try {
    return await readGgufFile(reference);
  } catch (error) {
    if (!(error instanceof GgufError)) throw error;
    const why = `Cannot load model ${shownReference(reference)}: ${error.message}.`;
    throw new StartError(why, exitCodes.fileUnusable, { cause: error });
  }
}
