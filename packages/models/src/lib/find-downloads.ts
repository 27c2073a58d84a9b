// Owns which files of a folder are downloads of ours, and what there is of each: those with a record, and those that bear a name which only
// our downloader gives. Everything else in the folder is somebody else's.
import { lstat, readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { readRecord, recordPath, type DownloadRecord } from "./download-record.ts";
import { partSizes } from "./find-present.ts";
import { allParts } from "./model-names.ts";
import { journaledBytes, partialsOf } from "./partial-file.ts";
import { nameOfDownload } from "./served-names.ts";

/** At the top of the folder; what lies in a URL's place was put there by us, whatever its name. */
const ourName = /^(hf|ollama)_[^_]+_./;
const urlPlace = /^url-[\da-f]{12}$/;

export interface DownloadedModel {
  /** Under which it is served unless somebody gives it another name; no two in a list have the same. */
  readonly name: string;
  /** What it was downloaded as, without what must not be shown; undefined where an earlier version kept no record. */
  readonly reference: string | undefined;
  /** Of the first part. While `state` is partial, nothing may lie there. */
  readonly path: string;
  readonly state: "whole" | "partial";
  /** On the disk, of all parts. */
  readonly bytes: number;
  /** Undefined where neither the server nor the files tell it. */
  readonly totalBytes: number | undefined;
  /** That it had when it came; undefined of several parts, and where the server told none. */
  readonly sha256: string | undefined;
  /** Of the last change of a file of it, in milliseconds since 1970. */
  readonly changedAtMs: number;
  readonly parts: number;
  readonly wholeParts: number;
  /** What Ollama's registry has beside a model: template, system prompt, parameters. */
  readonly extras: Readonly<Record<string, unknown>> | undefined;
}

export function isUrlPlace(folderName: string): boolean {
  return urlPlace.test(folderName);
}

/** Of each download, the path of its first part, whether that is there or not. */
export async function findDownloads(folder: string): Promise<readonly string[]> {
  const names = await namesIn(folder);
  const paths = await downloadsAmong(folder, names, ourName);
  for (const place of names.filter(isUrlPlace)) {
    paths.push(...(await downloadsAmong(join(folder, place), await namesIn(join(folder, place)), /./)));
  }
  return paths;
}

/** Undefined when nothing is there that could be a download of ours. @param path of the first part */
export async function describeDownload(path: string): Promise<DownloadedModel | undefined> {
  const record = await readRecord(path);
  const paths = allParts(path);
  const sizes = await partSizes(path);
  const begun = (await Promise.all(paths.map(partialsOf))).flat();
  if (record === undefined && begun.length === 0 && sizes.every((size) => size === undefined)) return undefined;

  const wholeParts = sizes.filter((size) => size !== undefined).length;
  const isWhole = wholeParts === sizes.length;
  const bytes = sumOf(sizes) + sumOf(await Promise.all(paths.map(journaledBytes)));
  return {
    name: record?.name ?? nameOfDownload(basename(path)),
    reference: record?.reference,
    path,
    state: isWhole ? "whole" : "partial",
    bytes,
    totalBytes: isWhole ? bytes : recordedSize(record),
    sha256: isWhole && record?.parts.length === 1 ? record.parts[0]?.sha256 : undefined,
    changedAtMs: await lastChange([...paths, ...begun, recordPath(path)]),
    parts: paths.length,
    wholeParts,
    extras: record?.extras,
  };
}

async function downloadsAmong(folder: string, names: readonly string[], ours: RegExp): Promise<string[]> {
  const paths: string[] = [];
  for (const name of new Set(names.flatMap((fileName) => modelName(fileName) ?? []))) {
    const path = join(folder, name);
    const isOurs = (ours.test(name) && !(await isLink(path))) || (await readRecord(path)) !== undefined;
    if (isOurs) paths.push(path);
  }
  return paths;
}

/** Of the first part of the model that a file belongs to; undefined of what comes and goes with a download. */
function modelName(fileName: string): string | undefined {
  if (/\.(lock|ipull)(\.[\da-f]{8})?$|\.json\.[\da-f]{8}$/.test(fileName)) return undefined;
  const whole = fileName.replace(/\.[\da-f]{16}\.part(\.json)?$/, "").replace(/\.json$/, "");
  return allParts(whole)[0];
}

function recordedSize(record: DownloadRecord | undefined): number | undefined {
  const sizes = record?.parts.map(({ sizeBytes }) => sizeBytes);
  return sizes === undefined || sizes.includes(undefined) ? undefined : sumOf(sizes);
}

async function lastChange(paths: readonly string[]): Promise<number> {
  const times = await Promise.all(
    paths.map(async (path) => {
      try {
        return (await stat(path)).mtimeMs;
      } catch {
        return 0;
      }
    }),
  );
  return Math.max(0, ...times);
}

async function isLink(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isSymbolicLink();
  } catch {
    return false;
  }
}

/** Of what is no folder, or is not there, none. */
async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return [];
    throw error;
  }
}

function sumOf(numbers: readonly (number | undefined)[]): number {
  return numbers.reduce<number>((sum, number) => sum + (number ?? 0), 0);
}
