// Decides which files of this machine an operator's request may name.
import { existsSync } from "node:fs";
import { relative, resolve, sep } from "node:path";

/**
 * Resolves a path to a file in or below one of the folders, preferably an existing file. Tries a relative path from each folder in turn.
 * Undefined when the path leads out of all folders.
 */
export function offeredFile(reference: string, folders: readonly string[]): string | undefined {
  const inside = folders
    .map((folder) => ({ folder, path: resolve(folder, reference) }))
    .filter(({ folder, path }) => isInside(path, folder))
    .map(({ path }) => path);
  return inside.find((path) => existsSync(path)) ?? inside[0];
}

function isInside(path: string, folder: string): boolean {
  const way = relative(folder, path);
  // On Windows `relative` returns an absolute path for another drive.
  return way !== "" && way !== ".." && !way.startsWith(`..${sep}`) && resolve(way) !== way;
}
