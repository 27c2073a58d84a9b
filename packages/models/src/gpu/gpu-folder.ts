// Replaces the whole folder of the GPU packages. A folder with other content is never replaced.
import { readFile, readdir, realpath, rename, rm, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { WaggleError } from "@waggle/protocol";

/** The entries that npm creates in the folder. */
const ownNames: ReadonlySet<string> = new Set(["package.json", "node_modules"]);
const ownScope = "@node-llama-cpp/";
/** Limit for the names of other files in the error, because a setting can name any folder. */
const mostNamesShown = 3;

/**
 * Checks that the folder may be replaced.
 * @returns the real path of the folder, so that a link to it stays and leads to the new packages
 * @throws WaggleError invalid_argument if the folder holds other content than GPU packages
 */
export async function replaceableFolder(folder: string): Promise<string> {
  const target = await realpath(folder).catch(() => resolve(folder));
  const names = await namesIn(target);
  const others = names.filter((name) => !ownNames.has(name));
  if (others.length === 0 && (names.length === 0 || (await hasOwnManifest(target)))) return target;
  const shown = (others.length > 0 ? others : names).slice(0, mostNamesShown).join(", ");
  throw new WaggleError(
    "invalid_argument",
    `Cannot replace the folder ${folder}: it holds other files than packages for a GPU (${shown}). Choose a new or an empty folder with WAGGLE_GPU_DIR.`,
  );
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    const reason = (error as Error).message;
    throw new WaggleError("invalid_argument", `Cannot read the folder ${folder}: ${reason}`, { cause: error });
  }
}

/** Whether an earlier call made the folder: the dependencies in its manifest are then GPU packages only. */
async function hasOwnManifest(folder: string): Promise<boolean> {
  try {
    const { dependencies = {} } = JSON.parse(await readFile(join(folder, "package.json"), "utf8")) as {
      readonly dependencies?: Readonly<Record<string, string>>;
    };
    return Object.keys(dependencies).every((name) => name.startsWith(ownScope));
  } catch {
    return false;
  }
}

/** Renames the old folder, then moves the new one to its path. If the move fails, the old folder is restored; otherwise it is deleted. */
export async function replaceFolder(target: string, made: string): Promise<void> {
  const old = `${made}.old`;
  const isThere = await stat(target).then(
    () => true,
    () => false,
  );
  if (isThere) await rename(target, old);
  try {
    await rename(made, target);
  } catch (error) {
    if (isThere) await rename(old, target);
    throw error;
  }
  await rm(old, { recursive: true, force: true });
}

/** Total size of all files below the folder. Files that npm removes during the count are ignored. */
export async function bytesIn(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const sizes = entries
    .filter((entry) => entry.isFile())
    .map(async (entry) => (await stat(join(entry.parentPath, entry.name)).catch(() => undefined))?.size ?? 0);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
