// Prepares the record of a download: decides which files of an earlier download are still valid, and updates the record when the files are complete.
import { rm } from "node:fs/promises";
import { listDownloads } from "../folder/catalogue.ts";
import type { RemoteFile } from "../folder/describe-file.ts";
import { diskError } from "../folder/disk-space.ts";
import {
  isSamePart,
  readRecord,
  recordedPart,
  recordPath,
  withReference,
  writeRecord,
} from "../folder/download-record.ts";
import { partSizes } from "../reference/find-present.ts";
import { allParts } from "../folder/model-names.ts";
import { partialsOf } from "./partial-file.ts";
import { defaultModelName, uniqueName } from "../reference/served-names.ts";
import { shownReference } from "./download-error.ts";

export interface RecordOptions {
  readonly reference: string;
  /** The folder of downloads. The model's name is unique in it. */
  readonly folder: string;
  readonly endpoint: string;
  readonly extras: Readonly<Record<string, unknown>> | undefined;
  /** See `DownloadRecord`. */
  readonly place: string | undefined;
  /** Name of the projector's file; see `DownloadRecord`. */
  readonly projector?: string | null | undefined;
}

export interface OpenRecord {
  /** Whether a local part of this size equals the server's current version. */
  isCurrent(part: number, sizeBytes: number): boolean;
  /** Call it when all files are complete. Writes the record of a new version. */
  complete(): Promise<void>;
  /** Removes the record if no byte of the model was downloaded. */
  clean(): Promise<void>;
}

/**
 * Writes the record before the first byte arrives. Removes parts of another version, so that parts of two versions are never mixed. A model in a
 * single file keeps its file and record until the new version is complete. Only the holder of the lock may call this.
 * @throws DownloadError if the disk is full
 */
export async function openRecord(
  path: string,
  remotes: readonly RemoteFile[],
  { reference, folder, endpoint, extras, place, projector }: RecordOptions,
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
    const name =
      former?.name ?? uniqueName(defaultModelName(reference, endpoint), new Set(others.map((model) => model.name)));
    try {
      const parts = remotes.map(recordedPart);
      const shown = shownReference(reference);
      const first = former?.reference ?? shown;
      const record = { reference: first, place, also: former?.also ?? [], name, parts, extras, projector };
      await writeRecord(path, withReference(record, shown));
    } catch (error) {
      throw diskError(error, path) ?? error;
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
