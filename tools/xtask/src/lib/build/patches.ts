// Applies this repository's patches to the source of node-llama-cpp before it is compiled, and identifies them by a mark.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { repositoryPath } from "@waggle/testing/harness";
import type { EnginePackage } from "./engine-package.ts";

export interface Patches {
  readonly paths: readonly string[];
  /** Identifies this set of patches; builds made with it contain the mark. */
  readonly mark: string;
}

/** @param folder contains files *.patch, which are applied in the order of their names */
export function findPatches(folder = repositoryPath("tools/xtask/patches")): Patches {
  const names = readdirSync(folder).filter((name) => name.endsWith(".patch"));
  const paths = names.toSorted().map((name) => join(folder, name));
  const hash = createHash("sha256");
  for (const path of paths) hash.update(readFileSync(path));
  return { paths, mark: hash.digest("hex").slice(0, 12) };
}

/**
 * @param engine a copy of the package; the patches change its files
 * @throws Error naming the patch that does not apply, and the library's version
 */
export function applyPatches({ paths }: Patches, { folder, version }: Pick<EnginePackage, "folder" | "version">): void {
  for (const path of paths) {
    try {
      execFileSync("git", ["apply", path], { cwd: folder, env: outsideOfRepositories(folder), stdio: "pipe" });
    } catch (error) {
      const { stderr, message } = error as Error & { stderr?: Buffer };
      const reason = stderr?.toString().trim() || message;
      throw new Error(`Cannot apply ${basename(path)} to node-llama-cpp ${version}: ${reason}`, { cause: error });
    }
  }
}

/** Hides the repository from git. Within a repository, `git apply` may skip files because of their folder, and still succeed. */
function outsideOfRepositories(folder: string): NodeJS.ProcessEnv {
  const rest = Object.entries(process.env).filter(([name]) => !name.startsWith("GIT_"));
  return { ...Object.fromEntries(rest), GIT_CEILING_DIRECTORIES: dirname(folder) };
}
