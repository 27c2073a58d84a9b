// Owns the SHA-256 of a file that is still being written: it follows what is whole from the beginning, so that little is left to read when
// the last byte is here. Read back from the file, since its bytes do not arrive in order; what was just written is still in memory.
import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";

/** Hashing this much holds the thread up for less than a millisecond. */
const pieceBytes = 256 * 1024;

export interface FollowingHash {
  /** So much of the file is there, without a gap. */
  follow(wholeBytes: number): void;
  /** Of so many bytes, all of which must be there: 64 hexadecimal digits. @throws what reading throws, or Error when it was stopped */
  digest(sizeBytes: number): Promise<string>;
  /** Resolves when nothing is read any more. */
  stop(): Promise<void>;
}

/** @param onHashed is told how many bytes have been hashed */
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
