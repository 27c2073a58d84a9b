// Installs GPU packages into their folder: npm downloads them into a temporary folder and checks their hashes; that folder then replaces the old one.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { makeFolder } from "@waggle/async";
import { WaggleError } from "@waggle/protocol";
import { bytesIn, replaceFolder, replaceableFolder } from "./gpu-folder.ts";
import { callNpm } from "./npm.ts";

export interface AddOptions {
  /** npm package specifiers from `gpuPackagesFor`. */
  readonly specifiers: readonly string[];
  /** The worker's folder for GPU packages (`--gpu-dir`): new, empty, or made by an earlier call. All other packages in it are removed. */
  readonly folder: string;
  /** Path of npm, or its name on the PATH; `npm` by default. */
  readonly npm?: string | undefined;
  /** Called with the bytes on disk so far. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Time limit of a download: enough for the largest one, 320 MB, at 0.4 MB/s. */
const fetchLimitMs = 900_000;
const progressIntervalMs = 500;
/** `--ignore-scripts`: code of a package must not run during its installation. */
const flags = ["--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock", "--save-exact", "--loglevel=error"];

/**
 * Installs the packages. The folder keeps its old packages until all new packages are there.
 * @throws WaggleError invalid_argument when the folder holds other files; unavailable, with npm's reason; the signal's reason when it aborts
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
    // Without a manifest in this folder, npm would use the manifest of a parent folder.
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
    // Check again: the user may have put other files into the folder during the download.
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
