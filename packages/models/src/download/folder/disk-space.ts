// Checks the free disk space before a download, and explains disk errors during the download.
import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { DownloadError } from "../transfer/download-error.ts";

/** @throws DownloadError if the folder's file system has less free space */
export async function requireSpace(folder: string, neededBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const freeBytes = bavail * bsize;
  if (neededBytes <= freeBytes) return;
  throw new DownloadError(`the download needs ${shown(neededBytes)}, and ${folder} has ${shown(freeBytes)} free`);
}

/** @param path the file that could not be written @returns undefined for an error that is not about disk space */
export function diskError(error: unknown, path: string): DownloadError | undefined {
  const { code } = error as NodeJS.ErrnoException;
  const disk = `the disk of ${dirname(path)}`;
  if (code === "EFBIG") return new DownloadError(`the file is too large for ${disk}`, { cause: error });
  if (code !== "ENOSPC" && code !== "EDQUOT") return undefined;
  const full = code === "ENOSPC" ? `${disk} is full` : `the quota of ${disk} is used up`;
  return new DownloadError(`${full}; free some space and try again: the download then continues`, { cause: error });
}

function shown(bytes: number): string {
  return bytes < 1e9 ? `${Math.ceil(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
