// Owns how packages for a GPU come into their folder: fetched beside it by npm, which checks their hashes, and put in place whole.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { makeFolder } from "@waggle/async";
import { WaggleError } from "@waggle/protocol";
import { bytesIn, replaceFolder, replaceableFolder } from "./gpu-folder.ts";
import { callNpm } from "./npm.ts";

export interface AddOptions {
  /** As `gpuPackagesFor` names them. */
  readonly specifiers: readonly string[];
  /** Where a worker looks (`--gpu-dir`): new, empty, or made here before. Other packages in it are gone afterwards. */
  readonly folder: string;
  /** Its file, or its name on the PATH; `npm` by default. */
  readonly npm?: string;
  /** Bytes on disk so far. */
  readonly onProgress?: (bytes: number) => void;
  readonly signal?: AbortSignal;
}

/** 320 MB at 0.4 MB/s, rounded up. */
const fetchLimitMs = 900_000;
const progressIntervalMs = 500;
/** Nothing in the packages has to run, and nobody is asked about funding or advice. */
const flags = ["--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock", "--save-exact", "--loglevel=error"];

/**
 * Until all is there, what was in the folder stays.
 * @throws WaggleError invalid_argument where the folder holds other files; unavailable, with npm's reason; the signal's reason when it aborts
 */
export async function addGpuPackages({
  specifiers,
  folder,
  npm = "npm",
  onProgress,
  signal,
}: AddOptions): Promise<void> {
  signal?.throwIfAborted();
  const target = await replaceableFolder(folder);
  let aside: string | undefined;
  let watch: NodeJS.Timeout | undefined;
  try {
    makeFolder(dirname(target));
    aside = await mkdtemp(join(dirname(target), `.${basename(target)}-`));
    // A manifest of its own, or npm would look for one in the folders above.
    await writeFile(join(aside, "package.json"), '{ "private": true }\n');
    const growing = aside;
    if (onProgress !== undefined)
      watch = setInterval(() => {
        bytesIn(growing).then(
          (bytes) => watch !== undefined && onProgress(bytes),
          () => {},
        );
      }, progressIntervalMs);
    const args = ["install", ...flags, ...specifiers];
    await callNpm({ npm, args, folder: aside, limitMs: fetchLimitMs, signal });
    // It may have been filled meanwhile.
    await replaceableFolder(target);
    await replaceFolder(target, aside);
  } catch (error) {
    signal?.throwIfAborted();
    const reason = error instanceof Error ? error.message : String(error);
    throw new WaggleError("unavailable", `Cannot add ${specifiers.join(" and ")}: ${reason}`, { cause: error });
  } finally {
    clearInterval(watch);
    watch = undefined;
    if (aside !== undefined) await rm(aside, { recursive: true, force: true });
  }
}
