// Computes the SHA-256 of a file during its download: the bytes before the first gap are hashed at once, so that little is left when the last byte
// arrives. Bytes do not arrive in order, so they are read back from the file. Recent bytes are still in the page cache.
import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";

/** Hashing one piece blocks the thread for less than a millisecond. */
const pieceBytes = 256 * 1024;

export interface FollowingHash {
  /** Hashes the first `wholeBytes` bytes, which must be in the file. */
  follow(wholeBytes: number): void;
  /** @returns the hash of the first `sizeBytes` bytes, in 64 hexadecimal digits. @throws errors of the file system; Error after `stop` */
  digest(sizeBytes: number): Promise<string>;
  /** Stops hashing. Resolves when the file is no longer read. */
  stop(): Promise<void>;
}

/** @param onHashed called with the number of hashed bytes */
export function createFollowingHash(file: FileHandle, onHashed: (bytes: number) => void): FollowingHash {
  const hash = createHash("sha256");
  const piece = Buffer.allocUnsafe(pieceBytes);
  let at = 0;
  let to = 0;
  let failure: { readonly error: unknown } | undefined;
  let running: Promise<void> | undefined;

  async function run(): Promise<void> {
    while (at < to) {
      const { bytesRead } = await file.read(piece, 0, Math.min(pieceBytes, to - at), at);
      if (bytesRead === 0) throw new Error(`the file ends at ${at} of ${to} bytes`);
      hash.update(piece.subarray(0, bytesRead));
      at += bytesRead;
      onHashed(at);
    }
  }

  function start(): void {
    if (failure !== undefined) return;
    running ??= run()
      .catch((error: unknown) => void (failure = { error }))
      .finally(() => (running = undefined));
  }

  return {
    follow(wholeBytes) {
      if (wholeBytes - to < pieceBytes) return;
      to = wholeBytes;
      start();
    },
    async digest(sizeBytes) {
      await running;
      to = sizeBytes;
      start();
      await running;
      if (failure !== undefined) throw failure.error;
      return hash.digest("hex");
    },
    async stop() {
      failure ??= { error: new Error("hashing was stopped") };
      to = 0;
      await running;
    },
  };
}
