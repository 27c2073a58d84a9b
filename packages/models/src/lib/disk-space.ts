// Owns the question whether a download has room, and how it is worded when it has none in the middle.
import { statfs } from "node:fs/promises";
import { DownloadError } from "./download-error.ts";

/** @throws DownloadError when the folder's file system has less than this free */
export async function requireSpace(folder: string, neededBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const freeBytes = bavail * bsize;
  if (neededBytes <= freeBytes) return;
  throw new DownloadError(`it takes ${shown(neededBytes)}, and ${folder} has ${shown(freeBytes)} free`);
}

/** Undefined for what has nothing to do with room. */
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
