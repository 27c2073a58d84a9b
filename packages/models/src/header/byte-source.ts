// Defines where a header's bytes come from: a local file, memory, or another source that can read at an offset.
import { constants, type Stats } from "node:fs";
import { open, stat } from "node:fs/promises";
import { GgufError } from "./gguf-error.ts";

export interface ByteSource extends AsyncDisposable {
  /** Bytes. */
  readonly size: number;
  /**
   * @param length bytes; `offset + length` is at most `size`
   * @returns `length` bytes, or fewer if the source has become shorter
   */
  read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array>;
}

const fileReasons: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  ENOTDIR: "no such file",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EISDIR: "a directory, not a file",
  ELOOP: "too many symbolic links",
  ENAMETOOLONG: "the path is too long",
};

/** Reason for a file system error, in plain words. */
function fileReason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return fileReasons[code ?? ""] ?? message;
}

/** @throws GgufError when the path is not a regular file, or the file may not be read */
export async function openFileSource(path: string): Promise<ByteSource> {
  try {
    // Check the type first: opening a pipe would wait for its writer.
    requireFile(await stat(path));
    const file = await open(path, constants.O_RDONLY);
    return {
      size: (await file.stat()).size,
      async read(offset, length) {
        const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(length), 0, length, offset);
        return buffer.subarray(0, bytesRead);
      },
      [Symbol.asyncDispose]: () => file.close(),
    };
  } catch (error) {
    throw error instanceof GgufError ? error : new GgufError(fileReason(error), { cause: error });
  }
}

/** A source of bytes that are already in memory. */
export function bytesSource(bytes: Uint8Array): ByteSource {
  return {
    size: bytes.length,
    read: async (offset, length) => bytes.subarray(offset, offset + length),
    [Symbol.asyncDispose]: async () => {},
  };
}

function requireFile(stats: Stats): void {
  if (stats.isFile()) return;
  throw new GgufError(stats.isDirectory() ? "a directory, not a file" : "not a regular file");
}
