// Appends texts to a file, each wholly or not at all: the part of a text that a full disk has left in the file is cut off before the next text.
import { constants } from "node:fs";
import { open as openFile } from "node:fs/promises";

export interface AppendFile {
  /** Bytes of the texts that were appended wholly. */
  readonly size: number;
  /** Not for two calls at a time. @throws Error of node:fs; then nothing of the text counts */
  append(text: string): Promise<void>;
  /** Resolves when all appended texts are on disk. @throws Error of node:fs */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Makes a missing file.
 * @param size bytes of the file to keep; what follows is cut off
 * @param open `open` of node:fs
 * @throws Error of node:fs
 */
export async function openAppendFile(
  path: string,
  size: number,
  open: typeof openFile = openFile,
): Promise<AppendFile> {
  const file = await open(path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT, 0o600);
  let isTorn = true;
  return {
    get size() {
      return size;
    },
    async append(text) {
      if (isTorn) await file.truncate(size);
      isTorn = true;
      await file.appendFile(text);
      isTorn = false;
      size += Buffer.byteLength(text);
    },
    sync: async () => await file.datasync(),
    close: async () => await file.close(),
  };
}
