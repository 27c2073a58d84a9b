// Owns bounded reading of a file from front to back. It knows sizes and nothing of what they mean.
import { readSync } from "node:fs";

const windowBytes = 1 << 20;

/** The file ended, or claims a length that it cannot have. */
export class OutOfFileError extends Error {
  override readonly name = "OutOfFileError";
}

export interface Cursor {
  readonly position: number;
  readonly size: number;
  u32(): number;
  /** @throws OutOfFileError above 2^53, where no file has anything */
  u64(): number;
  bytes(length: number): Buffer;
  skip(length: number): void;
}

/** Reads through a window of one mebibyte. Nothing is read or allocated before its length is known to lie within the file. */
export function createCursor(fd: number, size: number): Cursor {
  const window = Buffer.allocUnsafe(windowBytes);
  let windowStart = 0;
  let windowLength = 0;
  let position = 0;

  function claim(length: number): number {
    const start = position;
    if (!(length <= size - start)) throw new OutOfFileError(`${length} bytes wanted at ${start} of ${size}`);
    position = start + length;
    return start;
  }

  function fill(start: number, length: number): number {
    if (start < windowStart || start + length > windowStart + windowLength) {
      windowStart = start;
      windowLength = readSync(fd, window, 0, windowBytes, start);
      if (windowLength < length) throw new OutOfFileError("the file became shorter");
    }
    return start - windowStart;
  }

  return {
    get position() {
      return position;
    },
    size,
    u32: () => window.readUInt32LE(fill(claim(4), 4)),
    u64() {
      const value = window.readBigUInt64LE(fill(claim(8), 8));
      if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new OutOfFileError(`a length of ${value}`);
      return Number(value);
    },
    bytes(length) {
      const start = claim(length);
      if (length <= windowBytes) return Buffer.from(window.subarray(fill(start, length), start - windowStart + length));
      const whole = Buffer.allocUnsafe(length);
      if (readSync(fd, whole, 0, length, start) < length) throw new OutOfFileError("the file became shorter");
      return whole;
    },
    skip: (length) => void claim(length),
  };
}
