// Writes files that are on disk as a whole or not at all, and their names with them.
import { open as openFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Replaces the file at the path.
 * @param open `open` of node:fs
 * @throws Error of node:fs; then the path has the old file, or the new one after an error of the folder
 */
export async function writeWhole(path: string, text: string, open: typeof openFile = openFile): Promise<void> {
  const part = `${path}.part`;
  try {
    const file = await open(part, "w", 0o600);
    try {
      await file.appendFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(part, path);
  } catch (error) {
    // Its bytes would keep a full disk full.
    await rm(part, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

/** The new name of a file is on disk only when its folder is. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await openFile(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Whether there may be room later: on the disk, or in the user's share of it. */
export function isDiskFull(error: unknown): boolean {
  return ["ENOSPC", "EDQUOT", "EFBIG"].includes((error as NodeJS.ErrnoException).code ?? "");
}
