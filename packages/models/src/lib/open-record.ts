// Owns the record of a download that is beginning: what of an earlier one is still good, and when the record says what the files are.
import { rm } from "node:fs/promises";
import { listDownloads } from "./catalogue.ts";
import type { RemoteFile } from "./describe-file.ts";
import { diskError } from "./disk-space.ts";
import { isSamePart, readRecord, recordedPart, recordPath, writeRecord } from "./download-record.ts";
import { partSizes } from "./find-present.ts";
import { allParts } from "./model-names.ts";
import { partialsOf } from "./partial-file.ts";
import { nameOf, uniqueName } from "./served-names.ts";
import { shownReference } from "./shown-reference.ts";

export interface RecordOptions {
  readonly reference: string;
  /** Of downloads: no other one there has the same name. */
  readonly folder: string;
  readonly endpoint: string;
  readonly extras: Readonly<Record<string, unknown>> | undefined;
}

export interface OpenRecord {
  /** Whether a part that lies here whole, with this size, is what the server has now. */
  isCurrent(part: number, sizeBytes: number): boolean;
  /** All files are what the record is to say. */
  complete(): Promise<void>;
  /** Takes the record away where nothing of the model was begun. */
  clean(): Promise<void>;
}

/**
 * Writes the record before the first byte arrives. Parts of another version are removed, so that never a part of one lies whole beside a
 * part of the other; a model in one file stays until its successor takes its name, and its record with it. Only the lock's holder may
 * call this.
 * @throws DownloadError when the disk is full
 */
export async function openRecord(
  path: string,
  remotes: readonly RemoteFile[],
  { reference, folder, endpoint, extras }: RecordOptions,
): Promise<OpenRecord> {
  const paths = allParts(path);
  const former = await readRecord(path);
  const sizes = await partSizes(path);
  const isCurrent = (part: number, sizeBytes: number): boolean => {
    const remote = remotes[part];
    return remote !== undefined && isSamePart(former?.parts[part], sizeBytes, remote);
  };
  const stale = paths.filter((_, i) => sizes[i] !== undefined && !isCurrent(i, sizes[i]));
  const replaces = paths.length === 1 && stale.length === 1;

  async function write(): Promise<void> {
    const others = (await listDownloads(folder)).filter((model) => model.path !== path);
    const name = former?.name ?? uniqueName(nameOf(reference, endpoint), new Set(others.map((model) => model.name)));
    try {
      await writeRecord(path, { reference: shownReference(reference), name, parts: remotes.map(recordedPart), extras });
    } catch (error) {
      throw diskError(error) ?? error;
    }
  }

  if (!replaces) {
    for (const part of stale) await rm(part, { force: true });
    await write();
  }
  return {
    isCurrent,
    async complete() {
      if (replaces) await write();
    },
    async clean() {
      const begun = (await Promise.all(paths.map(partialsOf))).flat();
      const present = (await partSizes(path)).some((size) => size !== undefined);
      if (begun.length === 0 && !present) await rm(recordPath(path), { force: true });
    },
  };
}
