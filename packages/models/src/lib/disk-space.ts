// Owns the question whether a download has room.
import { statfs } from "node:fs/promises";
import { DownloadError } from "./download-error.ts";

/** @throws DownloadError when the folder's file system has less than this free */
export async function requireSpace(folder: string, neededBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const freeBytes = bavail * bsize;
  if (neededBytes <= freeBytes) return;
  throw new DownloadError(`it takes ${gigabytes(neededBytes)}, and ${folder} has ${gigabytes(freeBytes)} free`);
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
