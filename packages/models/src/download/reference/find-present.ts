// Looks for a model, with all its parts, in the models folder.
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { allParts, nameOnDisk, partName, quantizedName } from "../folder/model-names.ts";
import type { RemoteTarget, TagTarget, Target } from "./parse-reference.ts";
import { defaultQuantization } from "./quantizations.ts";

/** @returns the path of the first part; undefined if a part is missing */
export async function findPresent(folder: string, target: RemoteTarget): Promise<string | undefined> {
  const names = target.kind === "tag" ? await namesOfTag(folder, target) : [target.name];
  for (const name of names) {
    const path = join(folder, name);
    const sizes = await partSizes(path);
    if (!sizes.includes(undefined)) return path;
  }
  return undefined;
}

/** Bytes of each part; undefined for a missing part. */
export async function partSizes(path: string): Promise<readonly (number | undefined)[]> {
  return await Promise.all(allParts(path).map(fileSize));
}

export function sumOf(numbers: readonly (number | undefined)[]): number {
  return numbers.reduce<number>((sum, number) => sum + (number ?? 0), 0);
}

/** Whether a file is the first part of the target. @param name path of the file, relative to the models folder */
export function bearsName(target: Target, name: string): boolean {
  if (target.kind === "path") return false;
  if (target.kind !== "tag") return name === target.name;
  return wholeNames(target).some((whole) => name === nameOnDisk(whole) || isFirstPart(name, whole));
}

async function namesOfTag(folder: string, target: TagTarget): Promise<readonly string[]> {
  const names = await namesIn(folder);
  return wholeNames(target).flatMap((whole) => [
    nameOnDisk(whole),
    ...names.filter((name) => isFirstPart(name, whole)),
  ]);
}

/** Likely names of a tag's file. Only the hub knows which file the tag refers to, but this module sends no request. */
function wholeNames({ user, repo, tag }: TagTarget): readonly string[] {
  const quantizations = tag === undefined ? [defaultQuantization, undefined] : [tag.toUpperCase()];
  return quantizations.map((quantization) => quantizedName(user, repo, quantization));
}

/** Whether a file is the first part of a split model of this name, with any number of parts. */
function isFirstPart(name: string, wholeName: string): boolean {
  const fiveDigits = "00000";
  const [start = "", end = ""] = nameOnDisk(partName(wholeName, 1, fiveDigits)).split(fiveDigits);
  return name.startsWith(start) && name.endsWith(end) && /^\d{5}$/.test(name.slice(start.length, -end.length));
}

/** @returns an empty list if the path is not a folder or does not exist */
export async function namesIn(folder: string): Promise<readonly string[]> {
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
