// Owns the folder of the packages: which folder may be replaced, and replacing it whole. A folder with anything else in it stays as it is.
import { readFile, readdir, realpath, rename, rm, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { WaggleError } from "@waggle/protocol";

/** What npm leaves in a folder of ours. */
const ownNames: ReadonlySet<string> = new Set(["package.json", "node_modules"]);
const ownScope = "@node-llama-cpp/";
/** A setting can name any folder, and its files could be many. */
const mostNamesShown = 3;

/**
 * The folder's real path, where there is one: a link stays, and leads to the new packages.
 * @throws WaggleError invalid_argument where it holds anything but packages for a GPU
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

/** Made by an earlier call: all that it depends on is packages for a GPU. */
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

/** The old folder moves aside first, and comes back where the new one cannot take its place. Nothing is deleted before that. */
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

/** In bytes, of all files below it; what vanishes meanwhile counts nothing. */
export async function bytesIn(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const sizes = entries
    .filter((entry) => entry.isFile())
    .map(async (entry) => (await stat(join(entry.parentPath, entry.name)).catch(() => undefined))?.size ?? 0);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
