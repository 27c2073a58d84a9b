// Downloads the missing parts of a model in order, after a check of the disk space.
import { dirname } from "node:path";
import type { RemoteFile } from "../folder/describe-file.ts";
import { requireSpace } from "../folder/disk-space.ts";
import { partSizes, sumOf } from "../reference/find-present.ts";
import { allParts } from "../folder/model-names.ts";
import { partialSize } from "./partial-file.ts";
import type { ProgressMeter } from "./progress.ts";
import { transferFile, type TransferOptions } from "./transfer.ts";

export interface FetchOptions extends Omit<TransferOptions, "onBytes" | "onChecked"> {
  /** Whether a local part of this size equals the server's current version. @param part index of the part, from 0 */
  readonly isCurrent: (part: number, sizeBytes: number) => boolean;
  readonly meter: ProgressMeter;
  /** Called when bytes have arrived or were hashed. */
  readonly onMove: () => void;
}

/**
 * Downloads the missing bytes of a model. Only the holder of the lock may call this.
 * @param path path of the first part
 * @param remotes all parts, in order
 * @returns false if no bytes were missing
 * @throws DownloadError; FileChangedError; the signal's reason when it aborts
 */
export async function fetchParts(
  path: string,
  remotes: readonly RemoteFile[],
  options: FetchOptions,
): Promise<boolean> {
  const { meter, onMove } = options;
  const paths = allParts(path);
  const sizes = await partSizes(path);
  const whole = sizes.map((size, i) => (size !== undefined && options.isCurrent(i, size) ? size : undefined));
  const here = await bytesHere(path, remotes, whole);
  await requireSpace(dirname(path), missingBytes(remotes, here));

  const totalBytes = totalSize(remotes);
  meter.startAt(sumOf(here));
  for (const [i, remote] of remotes.entries()) {
    const partPath = paths[i];
    if (partPath === undefined || whole[i] !== undefined) continue;
    const place = { part: i + 1, parts: remotes.length, totalBytes, checkedBytes: 0 };
    await transferFile(remote, partPath, {
      ...options,
      onBytes(doneBytes) {
        here[i] = doneBytes;
        onMove();
        meter.tell({ ...place, stage: "downloading", doneBytes: sumOf(here) });
      },
      onChecked(checkedBytes, isWhole) {
        onMove();
        if (isWhole) meter.tell({ ...place, stage: "checking", checkedBytes });
      },
    });
  }
  return whole.includes(undefined);
}

/** Received bytes of each part. @param whole sizes of the complete parts */
export async function bytesHere(
  path: string,
  remotes: readonly RemoteFile[],
  whole: readonly (number | undefined)[],
): Promise<number[]> {
  const paths = allParts(path);
  return await Promise.all(remotes.map(async (remote, i) => whole[i] ?? (await partialSize(paths[i] ?? path, remote))));
}

/** @returns undefined if the server did not send the size of every part */
export function totalSize(remotes: readonly RemoteFile[]): number | undefined {
  const sizes = remotes.map(({ sizeBytes }) => sizeBytes);
  return sizes.includes(undefined) ? undefined : sumOf(sizes);
}

/** Files of unknown size count as 0: a full disk then stops the download later. */
function missingBytes(remotes: readonly RemoteFile[], here: readonly number[]): number {
  return sumOf(remotes.map(({ sizeBytes }, i) => Math.max(0, (sizeBytes ?? 0) - (here[i] ?? 0))));
}
