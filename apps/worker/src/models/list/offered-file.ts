// Owns which files of this machine an operator's request may name. No request may name others.
import { existsSync } from "node:fs";
import { relative, resolve, sep } from "node:path";

/** The file in one of these folders, or below it, that a path means; relative ones from each in turn. Undefined: it is elsewhere. */
export function offeredFile(reference: string, folders: readonly string[]): string | undefined {
  const inside = folders
    .map((folder) => ({ folder, path: resolve(folder, reference) }))
    .filter(({ folder, path }) => isInside(path, folder))
    .map(({ path }) => path);
  return inside.find((path) => existsSync(path)) ?? inside[0];
}

function isInside(path: string, folder: string): boolean {
  const way = relative(folder, path);
  // On Windows the way to another drive is a whole path.
  return way !== "" && way !== ".." && !way.startsWith(`..${sep}`) && resolve(way) !== way;
}
