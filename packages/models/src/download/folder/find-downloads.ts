// Finds Waggle's downloads in a folder and describes each: files with a record, and files with a name that only the downloader gives. All other files
// in the folder belong to the user.
import { lstat, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { readRecord, recordPath, type DownloadRecord } from "./download-record.ts";
import { partSizes } from "../reference/find-present.ts";
import { allParts } from "./model-names.ts";
import { journaledBytes, partialsOf } from "../transfer/partial-file.ts";
import { nameOfFile } from "../reference/served-names.ts";

/** Names of downloads at the top of the folder. In a folder that was made for a URL, every file is a download. */
const ourName = /^(hf|ollama)_[^_]+_./;
const urlPlace = /^url-[\da-f]{12}$/;

export interface DownloadedModel {
  /** The default name, unique within a list. */
  readonly name: string;
  /** The reference of the download, without credentials; undefined when its record is missing or damaged. */
  readonly reference: string | undefined;
  /** Path of the first part. While `state` is partial, the file may not exist yet. */
  readonly path: string;
  readonly state: "whole" | "partial";
  /** Bytes of all parts on the disk. */
  readonly bytes: number;
  /** Undefined when neither the server nor the files show the total size. */
  readonly totalBytes: number | undefined;
  /** The SHA-256 from the download's record; undefined for a model of several parts, and when the server did not send one. */
  readonly sha256: string | undefined;
  /** When a file of the download last changed, in milliseconds since 1970. */
  readonly changedAtMs: number;
  readonly parts: number;
  readonly wholeParts: number;
  /** What Ollama's registry stores with a model: template, system prompt, parameters. */
  readonly extras: Readonly<Record<string, unknown>> | undefined;
}

export function isUrlPlace(folderName: string): boolean {
  return urlPlace.test(folderName);
}

/** The path of the first part of each download, even when that part does not exist yet. */
export async function findDownloads(folder: string): Promise<readonly string[]> {
  const names = await namesIn(folder);
  const paths = await downloadsAmong(folder, names, ourName);
  for (const place of names.filter(isUrlPlace)) {
    paths.push(...(await downloadsAmong(join(folder, place), await namesIn(join(folder, place)), /./)));
  }
  return paths;
}

/** Undefined when there is no file that Waggle could have downloaded. @param path of the first part */
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
    name: record?.name ?? nameOfFile(path),
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

/** The name of the first part of the model that a file belongs to; undefined for temporary files of a download. */
function modelName(fileName: string): string | undefined {
  if (/\.lock(\.[\da-f]{8})?$|\.json\.[\da-f]{8}$/.test(fileName)) return undefined;
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

/** The names in a folder; none when the path is no folder or does not exist. */
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
