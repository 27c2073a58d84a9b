// Finds Waggle's downloads in a folder: files with a record, and files with a name that only the downloader gives. All other files belong to
// the user.
import { lstat, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { readRecord, recordPath, type DownloadRecord } from "./download-record.ts";
import { namesIn, partSizes, sumOf } from "../reference/find-present.ts";
import { allParts, firstPart } from "./model-names.ts";
import { isProjectorName } from "./projector-names.ts";
import { journaledBytes, partialsOf } from "../transfer/partial-file.ts";
import { nameOfFile } from "../reference/served-names.ts";

/** Names of downloads directly in the folder. */
const ourName = /^(hf|ollama)_[^_]+_./;
/** Names of folders that the downloader makes for URLs. Every file in such a folder is a download. */
const urlFolder = /^url-[\da-f]{12}$/;

export interface DownloadedModel {
  /** The default name, unique within a list. */
  readonly name: string;
  /** The reference of the download, without credentials; undefined if its record is missing or damaged. */
  readonly reference: string | undefined;
  /** Path of the first part. The file of a partial download may not exist yet. */
  readonly path: string;
  readonly state: "whole" | "partial";
  /** Bytes of all parts on the disk. */
  readonly bytes: number;
  /** Bytes of the complete model; undefined for a partial download whose server did not send the size. */
  readonly totalBytes: number | undefined;
  /** SHA-256 in the download's record; undefined for a split model, and if the server did not send a hash. */
  readonly sha256: string | undefined;
  /** Time of the last change of any file of the download. Milliseconds since 1970. */
  readonly changedAtMs: number;
  readonly parts: number;
  readonly wholeParts: number;
  /** Template, system prompt and parameters from Ollama's registry. */
  readonly extras: Readonly<Record<string, unknown>> | undefined;
  /** The projector that came with the model. Other models may have the same one. */
  readonly projector: DownloadedProjector | undefined;
}

export interface DownloadedProjector {
  readonly path: string;
  readonly state: "whole" | "partial";
  /** Bytes on the disk. */
  readonly bytes: number;
  readonly sha256: string | undefined;
}

/** @param path path of the first part. @returns whether the file has a record of Waggle's download */
export async function isDownload(path: string): Promise<boolean> {
  return (await readRecord(path)) !== undefined;
}

export function isUrlFolder(name: string): boolean {
  return urlFolder.test(name);
}

/** @returns the path of each download's first part, which may not exist yet */
export async function findDownloads(folder: string): Promise<readonly string[]> {
  const names = await namesIn(folder);
  const paths = await downloadsAmong(folder, names, ourName);
  for (const name of names.filter(isUrlFolder)) {
    paths.push(...(await downloadsAmong(join(folder, name), await namesIn(join(folder, name)), /./)));
  }
  return paths;
}

/** @param path path of the first part. @returns undefined if neither a record nor a file of the download exists */
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
    projector:
      typeof record?.projector === "string" ? await projectorAt(join(dirname(path), record.projector)) : undefined,
  };
}

async function projectorAt(path: string): Promise<DownloadedProjector> {
  const record = await readRecord(path);
  const [size] = await partSizes(path);
  return {
    path,
    state: size === undefined ? "partial" : "whole",
    bytes: (size ?? 0) + (await journaledBytes(path)),
    sha256: size === undefined ? undefined : record?.parts[0]?.sha256,
  };
}

async function downloadsAmong(folder: string, names: readonly string[], ours: RegExp): Promise<string[]> {
  const paths: string[] = [];
  // A projector is listed with its model.
  const models = names.flatMap((fileName) => modelName(fileName) ?? []).filter((name) => !isProjectorName(name));
  for (const name of new Set(models)) {
    const path = join(folder, name);
    const isOurs = (ours.test(name) && !(await isLink(path))) || (await readRecord(path)) !== undefined;
    if (isOurs) paths.push(path);
  }
  return paths;
}

/** Name of the first part of the model that a file belongs to; undefined for lock files and temporary records. */
function modelName(fileName: string): string | undefined {
  if (/\.lock(\.[\da-f]{8})?$|\.json\.[\da-f]{8}$/.test(fileName)) return undefined;
  const whole = fileName.replace(/\.[\da-f]{16}\.part(\.json)?$/, "").replace(/\.json$/, "");
  return firstPart(whole);
}

function recordedSize(record: DownloadRecord | undefined): number | undefined {
  const sizes = record?.parts.map(({ sizeBytes }) => sizeBytes);
  return sizes === undefined || sizes.includes(undefined) ? undefined : sumOf(sizes);
}

async function lastChange(paths: readonly string[]): Promise<number> {
  const times = paths.map((path) =>
    stat(path).then(
      ({ mtimeMs }) => mtimeMs,
      () => 0,
    ),
  );
  return Math.max(0, ...(await Promise.all(times)));
}

async function isLink(path: string): Promise<boolean> {
  return await lstat(path).then(
    (stats) => stats.isSymbolicLink(),
    () => false,
  );
}
