// Owns the look at a file that the operator has named, before anything listens: whether it can be a model or an adapter, and what it is called.
import { basename } from "node:path";
import { StartError } from "@waggle/daemon";
import { GgufError, isLoraAdapter, readGgufFile } from "@waggle/gguf";
import { nameOf, shownReference, uniqueName } from "@waggle/models";
import { exitCodes } from "@waggle/protocol";

/** Of this machine, and not something to download. */
function isLocalFile(reference: string): boolean {
  return !/^(?:hf|ollama|https?):/i.test(reference);
}

/**
 * What a model is called that nobody has named: a file as its header says, else by its file name; what is downloaded by its reference, whether
 * it is there already or not. It stays so, before it is loaded and after.
 * @throws StartError for a file that is missing, unreadable, or no model
 */
export async function ownName(reference: string): Promise<string> {
  const name = isLocalFile(reference) ? ((await lookAt(reference)).name ?? basename(reference)) : nameOf(reference);
  return uniqueName(name, new Set());
}

/**
 * That one of them can be a model: a worker with others serves those, and says what is wrong with this one.
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
 * That one of the models can have its adapters: a worker with others serves those, and says what is wrong with this one.
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

/** As the end of a sentence; undefined where there is none. Whether it was made for the model, the engine finds out. */
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
