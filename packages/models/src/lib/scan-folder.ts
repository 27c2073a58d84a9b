// Owns which models lie in a folder of a person's own. It reads names and four bytes of each file, and changes nothing.
import type { Dirent } from "node:fs";
import { open, opendir, realpath, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { partSizes } from "./find-present.ts";
import { allParts, partsIn } from "./model-names.ts";
import { nameOfFile, uniqueName } from "./served-names.ts";

/** A folder within a folder within …: deeper ones are not looked into. */
const mostDepth = 5;
/** Of all folders together: a person who points at a whole disk does not wait for ever. */
const mostEntries = 20_000;
const mostModels = 1_000;
const magic = "GGUF";

export interface ScanOptions {
  /** Paths that are known otherwise, downloads for example; with absolute paths of first parts. */
  readonly except?: readonly string[];
  /** Names that are others' already. */
  readonly taken?: readonly string[];
}

export interface FoundModel {
  /** By its file name; no two have the same. */
  readonly name: string;
  /** Absolute; of the first part. */
  readonly path: string;
  /** Of all parts. */
  readonly bytes: number;
}

interface Scan {
  readonly paths: string[];
  /** Folders, as they are without links: one that leads back to where it lies is not gone into again. */
  readonly visited: Set<string>;
  entries: number;
}

/**
 * The GGUF models below a folder, in the order of their paths: whole ones, a split one as its first part, and no projectors of images,
 * which are of no use alone. Links are followed.
 * @throws what the file system says of the folder itself
 */
export async function scanFolder(folder: string, options: ScanOptions = {}): Promise<readonly FoundModel[]> {
  const scan: Scan = { paths: [], visited: new Set(), entries: 0 };
  await stat(folder);
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
  return /\.gguf$/i.test(name) && !/^mmproj/i.test(name) && (partsIn(name) === undefined || allParts(name)[0] === name);
}

async function isFolder(entry: Dirent, path: string): Promise<boolean> {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  return (await orUndefined(stat(path)))?.isDirectory() ?? false;
}

/** Undefined when a part is missing, or it is no GGUF file. */
async function modelSize(path: string): Promise<number | undefined> {
  let bytes = 0;
  for (const size of await partSizes(path)) {
    if (size === undefined) return undefined;
    bytes += size;
  }
  return (await orUndefined(startOf(path))) === magic ? bytes : undefined;
}

async function startOf(path: string): Promise<string> {
  await using file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(magic.length), 0, magic.length, 0);
  return buffer.toString("latin1", 0, bytesRead);
}

/** What cannot be read is not there for us. */
async function orUndefined<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch {
    return undefined;
  }
}
