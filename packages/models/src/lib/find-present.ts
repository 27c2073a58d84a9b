// Owns whether a model is in the models folder already. A split model is, when all of its parts are.
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { allParts, nameOnDisk, partName, quantizedName } from "./model-names.ts";
import type { FileTarget, TagTarget } from "./parse-reference.ts";
import { defaultQuantization } from "./quantizations.ts";

/** The path of the first part, or undefined. */
export async function findPresent(folder: string, target: FileTarget | TagTarget): Promise<string | undefined> {
  const names = target.kind === "file" ? [target.name] : await namesOfTag(folder, target);
  for (const name of names) {
    const path = join(folder, name);
    const sizes = await partSizes(path);
    if (!sizes.includes(undefined)) return path;
  }
  return undefined;
}

/** The size of each part; undefined for one that is missing. */
export async function partSizes(path: string): Promise<readonly (number | undefined)[]> {
  return await Promise.all(allParts(path).map(fileSize));
}

/** The hub decides what a tag means, so without asking it only the usual names can be looked for. */
async function namesOfTag(folder: string, { user, repo, tag }: TagTarget): Promise<readonly string[]> {
  const quantizations = tag === undefined ? [defaultQuantization, undefined] : [tag.toUpperCase()];
  const names: string[] = [];
  for (const quantization of quantizations) {
    const whole = quantizedName(user, repo, quantization);
    names.push(nameOnDisk(whole), ...(await splitNames(folder, whole)));
  }
  return names;
}

/** First parts of a model in the folder, of however many parts. */
async function splitNames(folder: string, wholeName: string): Promise<readonly string[]> {
  const fiveDigits = "00000";
  const [start = "", end = ""] = nameOnDisk(partName(wholeName, 1, fiveDigits)).split(fiveDigits);
  return (await namesIn(folder)).filter((name) => {
    return name.startsWith(start) && name.endsWith(end) && /^\d{5}$/.test(name.slice(start.length, -end.length));
  });
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

async function fileSize(path: string): Promise<number | undefined> {
  try {
    const stats = await stat(path);
    return stats.isFile() ? stats.size : undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return ["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "");
}
