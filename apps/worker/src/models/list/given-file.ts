// Checks which files can be models: the files of the settings, before the worker listens, and the files that an operator's request names. Also
// finds their names.
import { existsSync } from "node:fs";
import { basename, relative, resolve, sep } from "node:path";
import { StartError } from "@waggle/daemon";
import { GgufError, isLoraAdapter, readGgufFile } from "@waggle/models/header";
import { downloadHint, defaultModelName, shownReference, uniqueName } from "@waggle/models/download";
import { exitCodes } from "@waggle/protocol";

/** Whether the reference is a path on this machine, not a download. */
export function isLocalFile(reference: string): boolean {
  return !/^(?:hf|ollama|https?):/i.test(reference);
}

/**
 * The name of a model without a configured name. A file gets the name in its header, or else its file name, without spaces, which shells would
 * split; a download gets its reference, even before it is on disk. The name stays the same when the model is loaded.
 * @throws StartError for a file that is missing, unreadable, or no model
 */
export async function ownName(reference: string, folder: string): Promise<string> {
  const name = isLocalFile(reference)
    ? ((await lookAt(reference, folder)).name ?? basename(reference)).replaceAll(/\s+/g, "-")
    : defaultModelName(reference);
  return uniqueName(name, new Set());
}

/**
 * Checks that at least one model is a download or a usable file. The worker then serves the usable models and reports the problems of the
 * other models.
 * @param folder where downloads would be
 * @throws StartError when no file is usable; its message has a sentence for each file
 */
export async function requireUsable(references: readonly string[], folder: string): Promise<void> {
  const problems: string[] = [];
  for (const reference of references) {
    if (!isLocalFile(reference)) return;
    try {
      await lookAt(reference, folder);
      return;
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      problems.push(error.message);
    }
  }
  if (problems.length > 0) throw new StartError(problems.join(" "), exitCodes.fileUnusable);
}

/**
 * Checks that at least one model can have its adapters. The worker then serves these models and reports the problems of the other models.
 * @param sets the adapters of each model, as paths
 * @throws StartError when no model can have its adapters; its message has a sentence for each unusable adapter
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

/** The problem as the end of a sentence; undefined without a problem. The engine checks later whether the adapter fits the model. */
async function adapterProblem(path: string): Promise<string | undefined> {
  try {
    return isLoraAdapter(await readGgufFile(path)) ? undefined : "not a LoRA adapter";
  } catch (error) {
    if (error instanceof GgufError) return error.message;
    throw error;
  }
}

async function lookAt(reference: string, folder: string): Promise<{ readonly name: string | undefined }> {
  try {
    return await readGgufFile(reference);
  } catch (error) {
    if (!(error instanceof GgufError)) throw error;
    const isWord = !/[/\\]/.test(reference);
    const nowhere = `, and no such download in ${folder}. "waggle pull" lists models for this machine`;
    const hint = existsSync(reference) ? "" : isWord ? nowhere : downloadHint(reference);
    const why = `Cannot load model ${shownReference(reference)}: ${error.message}${hint}.`;
    throw new StartError(why, exitCodes.fileUnusable, { cause: error });
  }
}

/**
 * Resolves a path to a file in or below one of the folders, preferably an existing file. Tries a relative path from each folder in turn.
 * Undefined when the path leads out of all folders.
 */
export function offeredFile(reference: string, folders: readonly string[]): string | undefined {
  const inside = folders
    .map((folder) => ({ folder, path: resolve(folder, reference) }))
    .filter(({ folder, path }) => isInside(path, folder))
    .map(({ path }) => path);
  return inside.find((path) => existsSync(path)) ?? inside[0];
}

export function isInside(path: string, folder: string): boolean {
  const way = relative(folder, path);
  // On Windows `relative` returns an absolute path for another drive.
  return way !== "" && way !== ".." && !way.startsWith(`..${sep}`) && resolve(way) !== way;
}
