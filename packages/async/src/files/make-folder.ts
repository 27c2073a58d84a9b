// Owns making a folder with the folders above it. `mkdir` with `recursive` never ends where the kernel answers ENOENT for a name in a folder
// that is there, as /proc does (nodejs/node: MKDirpSync tries the parent again and again).
import { mkdirSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";

export interface MakeFolderOptions {
  /** Permission bits of the new folders. */
  readonly mode?: number;
}

/** Does nothing when the folder exists. @throws Error as node:fs does */
export function makeFolder(path: string, options: MakeFolderOptions = {}): void {
  const missing: string[] = [];
  let folder = resolve(path);
  while (!isFolder(folder)) {
    missing.push(folder);
    if (dirname(folder) === folder) break;
    folder = dirname(folder);
  }
  for (const next of missing.toReversed()) make(next, options);
}

function make(folder: string, options: MakeFolderOptions): void {
  try {
    mkdirSync(folder, options);
  } catch (error) {
    // Another process may have made it meanwhile.
    if (!isFolder(folder)) throw error;
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
