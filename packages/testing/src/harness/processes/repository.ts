// Owns the location of the repository.
import { fileURLToPath } from "node:url";

/** The absolute path of a file in the repository, by its path from the root. */
export function repositoryPath(path: string): string {
  return fileURLToPath(new URL(`../../../../../${path}`, import.meta.url));
}
