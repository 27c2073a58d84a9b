// Owns a file that is not whole yet: where it lies, how many bytes it has, and the hash of them. It gets the model's name at its end only.
import { createHash, randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { RemoteFile } from "./describe-file.ts";
import { DownloadError } from "./download-error.ts";

const partialEnding = ".part";
/** Of the library that downloaded for earlier versions; what it left cannot be continued. */
const formerEnding = ".ipull";
/** Of what is there, at a time. */
const readBytes = 1 << 20;

export interface PartialFile extends AsyncDisposable {
  readonly sizeBytes: number;
  append(bytes: Uint8Array): Promise<void>;
  /** Starts again with nothing. */
  clear(): Promise<void>;
  /** Checks the hash and gives the file its name. @throws DownloadError when the hash is another; then the file is gone */
  complete(): Promise<void>;
}

/** How many bytes of a file are here already. */
export async function partialSize(path: string, remote: RemoteFile): Promise<number> {
  if (remote.resumeKey === undefined) return 0;
  try {
    return (await stat(partialPath(path, remote.resumeKey))).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0;
    throw error;
  }
}

/**
 * Opens what there is of a file, or a new one. Parts of other versions of it are removed: only the lock's holder may call this.
 * @param onRead is told how many bytes of what is there have been read, for its hash
 */
export async function openPartial(path: string, remote: RemoteFile, onRead: (bytes: number) => void): Promise<PartialFile> {
  const { resumeKey, sha256: wanted } = remote;
  const partial = partialPath(path, resumeKey ?? randomBytes(8).toString("hex"));
  await removeOthers(path, partial);
  const handle = await open(partial, constants.O_RDWR | constants.O_CREAT, 0o644);
  let hash = createHash("sha256");
  let { size } = await handle.stat();

  async function clear(): Promise<void> {
    await handle.truncate(0);
    hash = createHash("sha256");
    size = 0;
  }

  async function hashPresent(): Promise<void> {
    if (wanted === undefined || size === 0) return;
    const present = handle.createReadStream({ autoClose: false, start: 0, end: size - 1, highWaterMark: readBytes });
    for await (const bytes of present) {
      hash.update(bytes as Buffer);
      onRead(present.bytesRead);
    }
  }

  try {
    if (size > (remote.sizeBytes ?? 0)) await clear();
    await hashPresent();
  } catch (error) {
    await handle.close();
    throw error;
  }
  return {
    get sizeBytes() {
      return size;
    },
    async append(bytes) {
      if (wanted !== undefined) hash.update(bytes);
      for (let at = 0; at < bytes.length;) {
        const { bytesWritten } = await handle.write(bytes, at, bytes.length - at, size);
        at += bytesWritten;
        size += bytesWritten;
      }
    },
    clear,
    async complete() {
      const found = hash.digest("hex");
      if (wanted !== undefined && found !== wanted) {
        await rm(partial, { force: true });
        throw new DownloadError(`the file is damaged: its SHA-256 is ${found}, and ${wanted} is right; it was removed`);
      }
      // The name must not be on the disk before the bytes are.
      await handle.sync();
      await rename(partial, path);
      await rm(path + formerEnding, { force: true });
    },
    async [Symbol.asyncDispose]() {
      await handle.close();
      if (resumeKey === undefined) await rm(partial, { force: true });
    },
  };
}

function partialPath(path: string, key: string): string {
  return `${path}.${key}${partialEnding}`;
}

async function removeOthers(path: string, kept: string): Promise<void> {
  const folder = dirname(path);
  for (const name of await readdir(folder)) {
    const other = join(folder, name);
    const key = name.slice(basename(path).length + 1, -partialEnding.length);
    if (other === kept || !/^[\da-f]{16}$/.test(key) || other !== partialPath(path, key)) continue;
    await rm(other, { force: true });
  }
}
