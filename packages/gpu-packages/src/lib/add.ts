// Owns how packages for a GPU come into their folder: fetched beside it by npm, which checks their hashes, and put in place whole.
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { WaggleError } from "@waggle/protocol";
import { callNpm } from "./npm.ts";

export interface AddOptions {
  /** As `gpuPackagesFor` names them. */
  readonly specifiers: readonly string[];
  /** Where a worker looks (`--gpu-dir`). What other packages were in it are gone afterwards. */
  readonly folder: string;
  /** Its file, or its name on the PATH; `npm` by default. */
  readonly npm?: string;
  readonly signal?: AbortSignal;
}

/** 320 MB at 0.4 MB/s, rounded up. */
const fetchLimitMs = 900_000;
/** Nothing in the packages has to run, and nobody is asked about funding or advice. */
const flags = ["--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock", "--save-exact", "--loglevel=error"];

/**
 * Until all is there, what was in the folder stays.
 * @throws WaggleError unavailable, with npm's reason; the signal's reason when it aborts
 */
export async function addGpuPackages({ specifiers, folder, npm = "npm", signal }: AddOptions): Promise<void> {
  const target = resolve(folder);
  let aside: string | undefined;
  try {
    await mkdir(dirname(target), { recursive: true });
    aside = await mkdtemp(join(dirname(target), `.${basename(target)}-`));
    // A manifest of its own, or npm would look for one in the folders above.
    await writeFile(join(aside, "package.json"), '{ "private": true }\n');
    const args = ["install", ...flags, ...specifiers];
    await callNpm({ npm, args, folder: aside, limitMs: fetchLimitMs, signal });
    await rm(target, { recursive: true, force: true });
    await rename(aside, target);
  } catch (error) {
    signal?.throwIfAborted();
    const reason = error instanceof Error ? error.message : String(error);
    throw new WaggleError("unavailable", `Cannot add ${specifiers.join(" and ")}: ${reason}`, { cause: error });
  } finally {
    if (aside !== undefined) await rm(aside, { recursive: true, force: true });
  }
}
