// Owns the parts of a model that is being downloaded: which are here, whether there is room for the others, and fetching them in order.
import { dirname } from "node:path";
import type { RemoteFile } from "./describe-file.ts";
import { requireSpace } from "./disk-space.ts";
import { partSizes } from "./find-present.ts";
import { allParts } from "./model-names.ts";
import { partialSize } from "./partial-file.ts";
import type { ProgressMeter } from "./progress.ts";
import { transferFile, type TransferOptions } from "./transfer.ts";

export interface FetchOptions extends Omit<TransferOptions, "onBytes" | "onChecked"> {
  /** Whether a part that lies here whole, with this size, is what the server has now; from 0. */
  readonly isCurrent: (part: number, sizeBytes: number) => boolean;
  readonly meter: ProgressMeter;
  /** Something has moved: bytes have arrived, or were hashed. */
  readonly onMove: () => void;
}

/**
 * Fetches what is missing of a model; false when nothing was. Only the lock's holder may call this.
 * @param path of the first part
 * @param remotes all parts, in order
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

/** How much of each part is here. @param whole the sizes of those that are whole */
export async function bytesHere(
  path: string,
  remotes: readonly RemoteFile[],
  whole: readonly (number | undefined)[],
): Promise<number[]> {
  const paths = allParts(path);
  return await Promise.all(remotes.map(async (remote, i) => whole[i] ?? (await partialSize(paths[i] ?? path, remote))));
}

/** Undefined where the server does not say it of each. */
export function totalSize(remotes: readonly RemoteFile[]): number | undefined {
  let total = 0;
  for (const { sizeBytes } of remotes) {
    if (sizeBytes === undefined) return undefined;
    total += sizeBytes;
  }
  return total;
}

export function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}

/** Of files whose size is not known, none: the disk will say. */
function missingBytes(remotes: readonly RemoteFile[], here: readonly number[]): number {
  return sumOf(remotes.map(({ sizeBytes }, i) => Math.max(0, (sizeBytes ?? 0) - (here[i] ?? 0))));
}
