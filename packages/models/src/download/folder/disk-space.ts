// Checks for free disk space before a download, and makes the error for a disk that fills up during the download.
import { statfs } from "node:fs/promises";
import { DownloadError } from "../transfer/download-error.ts";

/** @throws DownloadError when the folder's file system has less than this free */
export async function requireSpace(folder: string, neededBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const freeBytes = bavail * bsize;
  if (neededBytes <= freeBytes) return;
  throw new DownloadError(`it takes ${shown(neededBytes)}, and ${folder} has ${shown(freeBytes)} free`);
}

/** Undefined when the error has nothing to do with disk space. */
export function diskError(error: unknown): DownloadError | undefined {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "EFBIG") return new DownloadError("the file system takes no file of this size", { cause: error });
  if (code !== "ENOSPC" && code !== "EDQUOT") return undefined;
  const full = code === "ENOSPC" ? "the disk is full" : "the quota of the disk is used up";
  return new DownloadError(`${full}; what has arrived stays, and is continued when there is room`, { cause: error });
}

function shown(bytes: number): string {
  return bytes < 1e9 ? `${Math.ceil(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
