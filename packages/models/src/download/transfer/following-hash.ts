// Computes the SHA-256 of a file while it is downloaded: it hashes the bytes that are there without a gap, so that little is left to hash when the
// last byte arrives. The bytes are read back from the file, since they do not arrive in order; bytes written just before are still in the page cache.
import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";

/** Hashing one piece blocks the thread for less than a millisecond. */
const pieceBytes = 256 * 1024;

export interface FollowingHash {
  /** Hashes up to this many bytes, which are there without a gap. */
  follow(wholeBytes: number): void;
  /** The hash of this many bytes, all of which must be there, in 64 hexadecimal digits. @throws what reading throws, or Error after `stop` */
  digest(sizeBytes: number): Promise<string>;
  /** Stops hashing; resolves when the file is no longer read. */
  stop(): Promise<void>;
}

/** @param onHashed receives how many bytes have been hashed */
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
      if (bytesRead === 0) throw new Error(`it ends at ${at} of ${to} bytes`);
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
