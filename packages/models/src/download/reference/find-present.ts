// Looks for a model, with all its parts, in the models folder.
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { basename } from "node:path/posix";
import { readRecord, type DownloadRecord } from "../folder/download-record.ts";
import {
  allParts,
  nameOnDisk,
  partAt,
  partCount,
  partName,
  quantizedName,
  withoutPart,
} from "../folder/model-names.ts";
import {
  defaultEndpoint,
  parseReference,
  hubPlace,
  type HubFile,
  type RemoteTarget,
  type TagTarget,
  type Target,
} from "./parse-reference.ts";
import { defaultQuantization } from "./quantizations.ts";

/** @returns the path of the first part; undefined if a part is missing */
export async function findPresent(folder: string, target: RemoteTarget): Promise<string | undefined> {
  const names = target.kind === "tag" ? await namesOfTag(folder, target) : [target.name];
  for (const name of names) {
    const path = join(folder, name);
    if ((await wholeSize(path)) !== undefined) return path;
  }
  const path = await findByPlace(folder, target);
  return path === undefined || (await wholeSize(path)) === undefined ? undefined : path;
}

/**
 * Finds the download of a hub's file, complete or not, whichever reference it was requested by.
 * @returns the path of the first part
 */
export async function findByPlace(folder: string, target: Target): Promise<string | undefined> {
  if (target.kind !== "tag" && (target.kind !== "file" || target.hub === undefined)) return undefined;
  for (const name of await namesIn(folder)) {
    const [, first] = /^(hf_.*)\.json$/.exec(name) ?? [];
    const record = first === undefined ? undefined : await readRecord(join(folder, first));
    if (first !== undefined && record !== undefined && isOf(target, record)) return join(folder, first);
  }
  return undefined;
}

function isOf(target: Target, { reference, also = [], place }: DownloadRecord): boolean {
  const targets = [...(place === undefined ? [] : [place]), reference, ...also].map(targetOf);
  return targets.some((known) => {
    if (known?.kind === "tag") return target.kind === "tag" && isSameTag(target, known);
    if (known?.kind !== "file" || known.hub === undefined) return false;
    if (target.kind === "file") return target.hub !== undefined && hubPlace(target.hub) === hubPlace(known.hub);
    return target.kind === "tag" && isNamedBy(target, known.hub);
  });
}

function targetOf(reference: string): Target | undefined {
  try {
    return parseReference(reference, defaultEndpoint);
  } catch {
    return undefined;
  }
}

function isSameTag(one: TagTarget, other: TagTarget): boolean {
  const isSame = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();
  return isSame(one.user, other.user) && isSame(one.repo, other.repo) && isSame(one.tag ?? "", other.tag ?? "");
}

/** Whether the file has the usual name of the tag's file: `Bee-1B-Q4_K_M.gguf` for `Bee-1B-GGUF:Q4_K_M`. Of other names only the hub knows the tags. */
function isNamedBy({ user, repo, tag = defaultQuantization }: TagTarget, file: HubFile): boolean {
  const base = repo.replace(/-gguf$/i, "");
  const usual = ["-", "."].map((sign) => `${base}${sign}${tag}.gguf`.toLowerCase());
  const isOfRepo = isSameTag({ kind: "tag", user, repo, tag }, { ...file, kind: "tag", tag });
  return isOfRepo && file.branch === "main" && usual.includes(withoutPart(basename(file.path)).toLowerCase());
}

/** Bytes of all parts; undefined if a part is missing. It stops there: a name may claim a thousand parts that do not exist. */
export async function wholeSize(path: string): Promise<number | undefined> {
  let bytes = 0;
  for (let part = 1; part <= partCount(path); part++) {
    const size = await fileSize(partAt(path, part));
    if (size === undefined) return undefined;
    bytes += size;
  }
  return bytes;
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
