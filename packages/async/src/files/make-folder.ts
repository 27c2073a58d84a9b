// Makes a folder and its missing parents. Node's recursive `mkdir` never ends below /proc: for a new name in an existing folder of /proc, the kernel
// reports ENOENT, and MKDirpSync of nodejs/node tries the parent again and again.
import { mkdirSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";

/**
 * Does nothing when the folder exists.
 * @param options `mode`: permission bits of the new folders
 * @throws Error of node:fs
 */
export function makeFolder(path: string, options: { readonly mode?: number } = {}): void {
  const missing: string[] = [];
  let folder = resolve(path);
  while (!isFolder(folder)) {
    missing.push(folder);
    if (dirname(folder) === folder) break;
    folder = dirname(folder);
  }
  for (const next of missing.toReversed()) {
    try {
      mkdirSync(next, options);
    } catch (error) {
      // Another process may have made the folder meanwhile.
      if (!isFolder(next)) throw error;
    }
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
