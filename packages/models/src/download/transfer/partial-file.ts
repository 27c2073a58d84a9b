// Writes a partial file and its journal, and hashes the bytes. The file gets the model's name when it is complete.
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { open, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { createByteRanges, type ByteRange } from "./byte-ranges.ts";
import type { RemoteFile } from "../folder/describe-file.ts";
import { diskError } from "../folder/disk-space.ts";
import { DownloadError } from "./download-error.ts";
import { createFollowingHash } from "./following-hash.ts";
import { readJournal, writeJournal } from "./partial-journal.ts";

const partialEnding = ".part";
const journalEnding = ".json";
/** Suffixes of partial files and journals, and of records whose writing was interrupted. */
const begunPattern = /^([\da-f]{16}\.part(\.json)?|json\.[\da-f]{8})$/;
/** First bytes of every model file. Servers also send login pages and archives with status 200. */
const modelMagic = Buffer.from("GGUF");
/** Interval between writes of the journal. A killed process loses the bytes that arrived after the last write. */
const saveIntervalMs = 1_000;

export interface PartialFileOptions {
  /** Called with the number of hashed bytes. An error that it throws stops hashing. */
  readonly onHashed: (bytes: number) => void;
  /** Tests set it to simulate disk errors. */
  readonly openFile?: typeof open | undefined;
}

export interface PartialFile extends AsyncDisposable {
  readonly doneBytes: number;
  /** Gaps in a file of this size, in order. */
  missing(sizeBytes: number): readonly ByteRange[];
  /** @throws DownloadError if the disk is full (the file is kept), or the file is not a model (the file is removed) */
  write(at: number, bytes: Uint8Array): Promise<void>;
  /** Drops all bytes, to start from the beginning. */
  clear(): Promise<void>;
  /** Checks the hash and renames the file. @throws DownloadError if the hash differs or the file is not a model; the file is then removed */
  complete(): Promise<void>;
}

/** Number of received bytes of the file's current version. */
export async function partialSize(path: string, { resumeKey, sizeBytes }: RemoteFile): Promise<number> {
  if (resumeKey === undefined || sizeBytes === undefined) return 0;
  const partial = partialPath(path, resumeKey);
  return createByteRanges(await readJournal(partial + journalEnding, partial, sizeBytes)).doneBytes;
}

/** Number of received bytes of all versions of a file. */
export async function journaledBytes(path: string): Promise<number> {
  let bytes = 0;
  for (const partial of await partialsOf(path)) {
    if (!partial.endsWith(partialEnding)) continue;
    bytes += createByteRanges(await readJournal(partial + journalEnding, partial, Infinity)).doneBytes;
  }
  return bytes;
}

/** Opens or creates the partial file of this version, and removes the partial files of other versions. Only the holder of the lock may call this. */
export async function openPartial(path: string, remote: RemoteFile, options: PartialFileOptions): Promise<PartialFile> {
  const { resumeKey, sha256: wanted, sizeBytes } = remote;
  const partial = partialPath(path, resumeKey ?? randomBytes(8).toString("hex"));
  const journal = resumeKey === undefined ? undefined : partial + journalEnding;
  await removePartials(path, partial);
  const ranges = createByteRanges(
    journal === undefined || sizeBytes === undefined ? [] : await readJournal(journal, partial, sizeBytes),
  );
  const file = await (options.openFile ?? open)(partial, constants.O_RDWR | constants.O_CREAT, 0o644);
  let hash = createFollowingHash(file, options.onHashed);
  let savedAt = performance.now();
  let saving: Promise<void> | undefined;
  let ended = false;
  let isModel: boolean | undefined;

  async function save(): Promise<void> {
    if (journal === undefined || ended) return;
    const { list } = ranges;
    savedAt = performance.now();
    // Flush the bytes first: after a power loss, all bytes in the journal must be on the disk. If writing the journal fails, the old journal
    // lists fewer bytes, which is harmless.
    await file.datasync();
    await writeJournal(journal, list);
  }

  function saveInTime(): void {
    if (performance.now() - savedAt < saveIntervalMs) return;
    saving ??= save()
      .catch(() => {})
      .finally(() => (saving = undefined));
  }

  async function begin(): Promise<void> {
    hash = createFollowingHash(file, options.onHashed);
    if (wanted !== undefined) hash.follow(ranges.prefixBytes);
    if (journal !== undefined) await orDiskError(writeJournal(journal, ranges.list), path);
  }

  /** Checks the first bytes as soon as they arrive, so that a wrong file fails early. */
  async function requireModel(isWhole: boolean): Promise<void> {
    if (isModel === true || (!isWhole && ranges.prefixBytes < modelMagic.length)) return;
    const { buffer, bytesRead } = await file.read(Buffer.alloc(modelMagic.length), 0, modelMagic.length, 0);
    isModel = ranges.prefixBytes >= bytesRead && buffer.equals(modelMagic);
    if (!isModel) throw new DownloadError("the server's file is not a GGUF file");
  }

  async function write(at: number, bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      const { bytesWritten } = await orDiskError(file.write(bytes, done, bytes.length - done, at + done), path);
      ranges.add(at + done, at + done + bytesWritten);
      done += bytesWritten;
    }
    await requireModel(false);
    if (wanted !== undefined) hash.follow(ranges.prefixBytes);
    saveInTime();
  }

  async function complete(): Promise<void> {
    const found = wanted === undefined ? undefined : await hash.digest(ranges.doneBytes);
    await saving;
    ended = true;
    if (found !== wanted) {
      await removePartials(path);
      throw new DownloadError(`the file is damaged and was removed: its SHA-256 is ${found}, expected ${wanted}`);
    }
    await requireModel(true);
    // Another process may have written beyond the end, if it took over this download for a while.
    await file.truncate(ranges.doneBytes);
    await file.sync();
    await rename(partial, path);
    if (journal !== undefined) await rm(journal, { force: true });
  }

  try {
    await begin();
  } catch (error) {
    await file.close();
    throw error;
  }
  return {
    get doneBytes() {
      return ranges.doneBytes;
    },
    missing: (size) => ranges.missing(size),
    write,
    async clear() {
      await hash.stop();
      await saving;
      ranges.clear();
      isModel = undefined;
      await begin();
    },
    complete,
    async [Symbol.asyncDispose]() {
      await hash.stop();
      await saving;
      if (isModel !== false) await save().catch(() => {});
      await file.close();
      if (isModel === false) await removePartials(path);
      else if (resumeKey === undefined) await rm(partial, { force: true });
    },
  };
}

/** Removes the partial files of all versions of a file, except `kept`. Only the holder of the lock may call this. */
export async function removePartials(path: string, kept?: string): Promise<void> {
  for (const other of await partialsOf(path)) {
    if (kept !== undefined && (other === kept || other === kept + journalEnding)) continue;
    await rm(other, { force: true });
  }
}

/** Paths of the partial files and journals of all versions of a file. */
export async function partialsOf(path: string): Promise<readonly string[]> {
  const folder = dirname(path);
  const start = `${basename(path)}.`;
  return (await readdir(folder))
    .filter((name) => name.startsWith(start) && begunPattern.test(name.slice(start.length)))
    .map((name) => join(folder, name));
}

function partialPath(path: string, key: string): string {
  return `${path}.${key}${partialEnding}`;
}

async function orDiskError<T>(work: Promise<T>, path: string): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw diskError(error, path) ?? error;
  }
}
