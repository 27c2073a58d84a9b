// Finds the models in a user's folder, by the names and the first four bytes of the files. It changes nothing.
import type { Dirent } from "node:fs";
import { open, opendir, realpath, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { wholeSize } from "../reference/find-present.ts";
import { firstPart } from "./model-names.ts";
import { isProjectorName } from "./projector-names.ts";
import { nameOfFile, uniqueName } from "../reference/served-names.ts";

/** Folders nested deeper than this are not scanned. */
const mostDepth = 5;
/** Limit for the entries of all folders together: a user may name a whole disk. */
const mostEntries = 20_000;
const mostModels = 1_000;
const magic = "GGUF";

export interface ScanOptions {
  /** Absolute paths of models to leave out, such as downloads. */
  readonly except?: readonly string[];
  /** Names of other models. */
  readonly taken?: readonly string[];
}

export interface FoundModel {
  /** Derived from the file's name, and unique. */
  readonly name: string;
  /** Absolute path of the first part. */
  readonly path: string;
  /** Bytes of all parts. */
  readonly bytes: number;
}

interface Scan {
  readonly paths: string[];
  /** Real paths of the scanned folders: a link to a parent folder must not be followed again. */
  readonly visited: Set<string>;
  entries: number;
}

/**
 * Follows links. Leaves out projectors, because they do not work alone.
 * @returns the complete GGUF models below the folder, sorted by path; a split model has the path of its first part
 * @throws Error if the folder itself cannot be read, or is a file
 */
export async function scanFolder(folder: string, options: ScanOptions = {}): Promise<readonly FoundModel[]> {
  const scan: Scan = { paths: [], visited: new Set(), entries: 0 };
  if (!(await stat(folder)).isDirectory()) throw new Error("it is a file, not a folder");
  await walk(resolve(folder), 1, scan);
  const except = new Set(options.except);
  const taken = new Set(options.taken);
  const models: FoundModel[] = [];
  for (const path of scan.paths.toSorted()) {
    const bytes = except.has(path) ? undefined : await modelSize(path);
    if (bytes === undefined) continue;
    const name = uniqueName(nameOfFile(path), taken);
    taken.add(name);
    models.push({ name, path, bytes });
    if (models.length === mostModels) break;
  }
  return models;
}

async function walk(folder: string, depth: number, scan: Scan): Promise<void> {
  const real = await orUndefined(realpath(folder));
  if (real === undefined || scan.visited.has(real)) return;
  scan.visited.add(real);
  const entries = await orUndefined(opendir(folder));
  if (entries === undefined) return;
  for await (const entry of entries) {
    scan.entries += 1;
    if (scan.entries > mostEntries) return;
    if (entry.name.startsWith(".")) continue;
    const path = join(folder, entry.name);
    if (await isFolder(entry, path)) {
      if (depth < mostDepth) await walk(path, depth + 1, scan);
    } else if (isModelName(entry.name)) {
      scan.paths.push(path);
    }
  }
}

function isModelName(name: string): boolean {
  return /\.gguf$/i.test(name) && !isProjectorName(name) && firstPart(name) === name;
}

async function isFolder(entry: Dirent, path: string): Promise<boolean> {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  return (await orUndefined(stat(path)))?.isDirectory() ?? false;
}

/** @returns undefined if a part is missing, or the file is not a GGUF file */
async function modelSize(path: string): Promise<number | undefined> {
  const bytes = await wholeSize(path);
  return bytes !== undefined && (await orUndefined(startOf(path))) === magic ? bytes : undefined;
}

async function startOf(path: string): Promise<string> {
  await using file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(magic.length), 0, magic.length, 0);
  return buffer.toString("latin1", 0, bytesRead);
}

/** Treats files that cannot be read as missing. */
async function orUndefined<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch {
    return undefined;
  }
}
