// Collects the facts about folders and the token file.
import { access, constants, stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import type { FolderFacts, TokenFileFacts } from "./files.ts";

export async function probeFolder(path: string, purpose: string): Promise<FolderFacts> {
  const { existing, isFolder } = await nearest(path);
  const writable = await access(existing, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
  return { path, purpose, existing, isFolder, writable };
}

async function nearest(path: string): Promise<{ readonly existing: string; readonly isFolder: boolean }> {
  try {
    return { existing: path, isFolder: (await stat(path)).isDirectory() };
  } catch {
    const parent = dirname(path);
    return parent === path ? { existing: path, isFolder: false } : await nearest(parent);
  }
}

/** Free bytes on the file system of the path. */
export async function probeDisk(path: string): Promise<number> {
  const { bsize, bavail } = await statfs((await nearest(path)).existing);
  return bavail * bsize;
}

/**
 * Undefined without a file whose rights can be read: the worker names a file that it cannot read.
 * @param path the value of WAGGLE_API_TOKEN_FILE
 */
export async function probeTokenFile(path: string | undefined): Promise<TokenFileFacts | undefined> {
  // Windows has no permission bits.
  if (path === undefined || path === "" || process.platform === "win32") return undefined;
  const found = await stat(path).catch(() => undefined);
  return found && { path, mode: found.mode };
}
