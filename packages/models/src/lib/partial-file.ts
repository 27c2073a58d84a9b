// Owns a file that is not whole yet: where it lies, which bytes of it are there, and the hash of them. It gets the model's name at its end only.
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { open, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { createByteRanges, type ByteRange } from "./byte-ranges.ts";
import type { RemoteFile } from "./describe-file.ts";
import { diskError } from "./disk-space.ts";
import { DownloadError } from "./download-error.ts";
import { createFollowingHash } from "./following-hash.ts";
import { readJournal, writeJournal } from "./partial-journal.ts";

const partialEnding = ".part";
const journalEnding = ".json";
/** What follows a file's name; the last one is a record that was never finished. */
const begunPattern = /^([\da-f]{16}\.part(\.json)?|json\.[\da-f]{8})$/;
/** Of the library that downloaded for earlier versions; what it left cannot be continued. */
const formerEnding = ".ipull";
/** What every model begins with. A page that asks to log in, or an archive, comes with an answer of 200 as well. */
const modelMagic = Buffer.from("GGUF");
/** A process that is killed has lost what arrived since then. Before it, the bytes are brought to the disk. */
const saveIntervalMs = 1_000;

export interface PartialFileOptions {
  /** Told how many bytes have been hashed. What it throws ends `check`. */
  readonly onHashed: (bytes: number) => void;
  /** How the file of bytes is opened. Default: as `open` does. */
  readonly openFile?: typeof open | undefined;
}

export interface PartialFile extends AsyncDisposable {
  readonly doneBytes: number;
  /** The gaps of a file of this size, in order. */
  missing(sizeBytes: number): readonly ByteRange[];
  /** @throws DownloadError when the disk is full, and what is there stays; when it is no model, and then the file goes */
  write(at: number, bytes: Uint8Array): Promise<void>;
  /** Starts again with nothing. */
  clear(): Promise<void>;
  /** Checks the hash and gives the file its name. @throws DownloadError when the hash is another or it is no model; then the file is gone */
  complete(): Promise<void>;
}

/** How many bytes of a file are here already. */
export async function partialSize(path: string, { resumeKey, sizeBytes }: RemoteFile): Promise<number> {
  if (resumeKey === undefined || sizeBytes === undefined) return 0;
  const partial = partialPath(path, resumeKey);
  return createByteRanges(await readJournal(partial + journalEnding, partial, sizeBytes)).doneBytes;
}

/** How many bytes are here of all versions of a file that were begun. */
export async function journaledBytes(path: string): Promise<number> {
  let bytes = 0;
  for (const partial of await partialsOf(path)) {
    if (!partial.endsWith(partialEnding)) continue;
    bytes += createByteRanges(await readJournal(partial + journalEnding, partial, Infinity)).doneBytes;
  }
  return bytes;
}

/** Opens what there is of a file, or a new one. Parts of other versions of it are removed: only the lock's holder may call this. */
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
    // Bytes that are noted must survive a loss of power; a note that cannot be written says less than there is, and no more.
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
    if (journal !== undefined) await orDiskError(writeJournal(journal, ranges.list));
  }

  /** As soon as its beginning is here: nobody waits an hour for the wrong file. */
  async function requireModel(isWhole: boolean): Promise<void> {
    if (isModel === true || (!isWhole && ranges.prefixBytes < modelMagic.length)) return;
    const { buffer, bytesRead } = await file.read(Buffer.alloc(modelMagic.length), 0, modelMagic.length, 0);
    isModel = ranges.prefixBytes >= bytesRead && buffer.equals(modelMagic);
    if (!isModel) throw new DownloadError("what the server sends is not a GGUF file");
  }

  async function write(at: number, bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      const { bytesWritten } = await orDiskError(file.write(bytes, done, bytes.length - done, at + done));
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
      throw new DownloadError(`the file is damaged: its SHA-256 is ${found}, and ${wanted} is right; it was removed`);
    }
    await requireModel(true);
    // Another process that took this download for given up may have written more of it.
    await file.truncate(ranges.doneBytes);
    // The name must not be on the disk before the bytes are.
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

/** Removes what was begun of a file, but for one part. Only the lock's holder may call this. */
export async function removePartials(path: string, kept?: string): Promise<void> {
  for (const other of await partialsOf(path)) {
    if (kept !== undefined && (other === kept || other === kept + journalEnding)) continue;
    await rm(other, { force: true });
  }
  await rm(path + formerEnding, { force: true });
}

/** The paths of all that was begun of a file, in any version of it. */
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

async function orDiskError<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw diskError(error) ?? error;
  }
}
