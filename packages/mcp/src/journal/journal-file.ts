// Owns the file of the journal: it appends lines and has them on disk, recovers from a full disk and a deleted file, and writes the turns anew
// when the file has become much larger than they are.
import { open as openFile, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { isDiskFull, makeFolder, openAppendFile, readLines, syncFolder } from "@waggle/async";
import type { AppendFile } from "@waggle/async";

/** The lines of a turn. */
export interface TurnLines {
  readonly text: string;
  readonly bytes: number;
  /** Offset in the file after the turn's last line. */
  writtenTo: number;
}

export interface JournalFileOptions {
  readonly path: string;
  /** All turns, oldest first, for a new file. */
  turns(): Iterable<TurnLines>;
  /** The bytes that all turns may have together. */
  readonly maxBytes: number;
  /** The bytes of all turns together. */
  bytes(): number;
  /** Called when the disk is full, to forget old turns. */
  makeRoom(): void;
  readonly now: () => number;
  /** `open` of node:fs. */
  readonly open?: typeof openFile;
}

export interface JournalFile {
  /**
   * Gives each complete line and the offset after it. Gives none if there is no file.
   * @throws Error of node:fs, or an Error if the path is not a regular file
   */
  read(): AsyncIterable<readonly [line: string, end: number]>;
  /**
   * Resolves when the text is on disk, after all that was written before. After an error nothing of the text is in the file, or only in its torn end, which
   * the next call cuts off. Not for two calls at a time. @returns the offset after the text @throws Error of node:fs
   */
  append(text: string): Promise<number>;
  close(): Promise<void>;
}

/** The file may be this much larger than its turns and a part of their limit, before it is written anew. */
const slack = 2;
const spareShare = 1 / 32;
/** A file that is this much larger than the limit of its turns is not ours. */
const mostRead = 4;
/** Bytes that are written at a time. Streams continue between two pieces. */
const pieceBytes = 65_536;
/** Time between two tries to make the file smaller on a full disk. */
const tryAgainMs = 1_000;

export function createJournalFile(options: JournalFileOptions): JournalFile {
  const { path, turns, maxBytes, bytes, makeRoom, now, open = openFile } = options;
  let appended: AppendFile | undefined;
  let inode = 0;
  /** Bytes of complete lines that are on disk; what follows them is torn. Undefined if no file has the turns. */
  let size: number | undefined;
  let failedAt = -Infinity;

  async function leave(): Promise<void> {
    const left = appended;
    appended = undefined;
    await left?.close();
  }

  /** Whether the path still has the file: a deleted one would be written without a name. Another program may also have emptied it. */
  async function isThere(): Promise<boolean> {
    const found = await stat(path).catch(nothingAt);
    return found?.ino === inode && size !== undefined && found.size >= size;
  }

  async function current(): Promise<AppendFile> {
    if (!(await isThere())) await rewrite();
    // After a failure the torn end is cut off at the next opening.
    if (appended?.size !== size) await leave();
    return (appended ??= await openAppendFile(path, size ?? 0, open));
  }

  /** Writes the turns to a new file, which takes the name of the old one when it is on disk. */
  async function rewrite(): Promise<void> {
    const written = [...turns()];
    const part = `${path}.part`;
    makeFolder(dirname(path), { mode: 0o700 });
    try {
      const partInode = await writePart(part, written);
      await leave();
      await rename(part, path);
      inode = partInode;
    } catch (error) {
      // Its bytes would keep a full disk full.
      await rm(part, { force: true });
      throw error;
    }
    size = undefined;
    await syncFolder(dirname(path));
    size = 0;
    for (const turn of written) {
      size += turn.bytes;
      turn.writtenTo = size;
    }
  }

  /** @returns the inode of the file */
  async function writePart(part: string, written: readonly TurnLines[]): Promise<number> {
    const file = await open(part, "w", 0o600);
    try {
      let piece = "";
      for (const { text } of written) {
        piece += text;
        if (piece.length < pieceBytes) continue;
        await file.appendFile(piece);
        piece = "";
      }
      await file.appendFile(piece);
      await file.sync();
      return (await file.stat()).ino;
    } finally {
      await file.close();
    }
  }

  async function appendOnce(text: string): Promise<number> {
    const file = await current();
    await file.append(text);
    await file.sync();
    return (size = file.size);
  }

  /** Making the file smaller may mean to write all turns, so a full disk is not asked again at each use. */
  function mayTry(): boolean {
    return now() - failedAt >= tryAgainMs;
  }

  /** Cuts off the end of the file where no turn has lines any more: the disk may have no room for a new file. */
  function shrink(): void {
    makeRoom();
    if (size === undefined) return;
    size = 0;
    for (const { writtenTo } of turns()) size = Math.max(size, writtenTo);
  }

  return {
    async *read() {
      const found = await stat(path).catch(nothingAt);
      if (found === undefined) return;
      if (!found.isFile()) throw new Error("it is not a regular file");
      if (found.size > mostRead * maxBytes) throw new Error(`it has more than ${mostRead * maxBytes} bytes`);
      inode = found.ino;
      size = 0;
      // No line is so long.
      for await (const { bytes: line, end, isWhole } of readLines(path, { maxBytes, open })) {
        if (!isWhole) break;
        if (line !== undefined) yield [line.toString("utf8"), end];
        size = end;
      }
    },
    async append(text) {
      if ((size ?? 0) > slack * (bytes() + spareShare * maxBytes) && mayTry()) {
        // Without room for a new file, the old one is kept.
        await rewrite().catch(() => (failedAt = now()));
      }
      try {
        return await appendOnce(text);
      } catch (error) {
        if (!isDiskFull(error) || !mayTry()) throw error;
        failedAt = now();
        shrink();
        return await appendOnce(text).catch(async () => {
          await rewrite();
          return await appendOnce(text);
        });
      }
    },
    close: leave,
  };
}

/** @throws Error unless the path has no file */
function nothingAt(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}
