// Reads a text file with a size limit. Paths that are not regular files are rejected before they are opened: opening a FIFO waits for its writer,
// and reading a device never ends.
import { closeSync, constants, fstatSync, openSync, readSync, statSync } from "node:fs";
import type { PathLike, Stats } from "node:fs";
import { open, stat } from "node:fs/promises";

export interface ReadTextOptions {
  readonly maxBytes: number;
}

/** Opens without blocking, since a FIFO may have replaced the file after the check. Regular files ignore O_NONBLOCK, and Windows does not have it. */
const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);
const chunkBytes = 65_536;

/** @throws Error of node:fs, or an Error with the reason if the path is not a regular file or the file is too large */
export function readText(path: PathLike, options: ReadTextOptions): string {
  requireFile(statSync(path));
  const file = openSync(path, flags);
  try {
    requireFile(fstatSync(file));
    // Read to the end instead of to the size, since files in /proc and /sys report wrong sizes.
    const text = createText(options);
    for (;;) {
      const chunk = Buffer.allocUnsafe(chunkBytes);
      const length = readSync(file, chunk, 0, chunkBytes, null);
      if (length === 0) return text.whole();
      text.add(chunk.subarray(0, length));
    }
  } finally {
    closeSync(file);
  }
}

/** Like `readText`, without blocking the event loop. */
export async function readTextLater(path: PathLike, options: ReadTextOptions): Promise<string> {
  requireFile(await stat(path));
  const file = await open(path, flags);
  try {
    requireFile(await file.stat());
    const text = createText(options);
    for (;;) {
      const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(chunkBytes), 0, chunkBytes, null);
      if (bytesRead === 0) return text.whole();
      text.add(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}

function createText({ maxBytes }: ReadTextOptions): { add(chunk: Buffer): void; whole(): string } {
  const chunks: Buffer[] = [];
  let bytes = 0;
  return {
    add(chunk) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw new Error(`it has more than ${maxBytes} bytes`);
      chunks.push(chunk);
    },
    whole: () => Buffer.concat(chunks).toString("utf8"),
  };
}

function requireFile(stats: Stats): void {
  if (stats.isFile()) return;
  forgetStat();
  throw new Error(`it is ${fileKind(stats)}, not a regular file`);
}

/**
 * Call it after a synchronous stat of a FIFO or a socket. Node's `realpathSync` (lib/fs.js) reads the kind of the file that the process looked at
 * last, and stops there at a FIFO or a socket: an import through a link would then load a module under the link's path, and miss its dependencies.
 */
export function forgetStat(): void {
  statSync(process.execPath, { throwIfNoEntry: false });
}

function fileKind(stats: Stats): string {
  if (stats.isDirectory()) return "a directory";
  if (stats.isFIFO()) return "a FIFO";
  return stats.isSocket() ? "a socket" : "a device";
}
