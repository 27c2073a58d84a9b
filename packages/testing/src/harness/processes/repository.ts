// Owns the location of the repository, and the version of pnpm that it pins.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The absolute path of a file in the repository, by its path from the root. */
export function repositoryPath(path: string): string {
  return fileURLToPath(new URL(`../../../../../${path}`, import.meta.url));
}

/** For npx, for example `pnpm@12.0.0`. */
export const { packageManager } = JSON.parse(readFileSync(repositoryPath("package.json"), "utf8")) as {
  readonly packageManager: string;
};
