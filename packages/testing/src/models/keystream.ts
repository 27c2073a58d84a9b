// Owns pseudo-random bytes, the same in each run with the same seed, at a gigabyte per second.
import { createCipheriv, createHash } from "node:crypto";

/** Returns a function that returns the next `bytes` bytes of an endless sequence. */
export function createKeystream(seed = 1): (bytes: number) => Buffer {
  const key = createHash("sha256").update(String(seed)).digest();
  const cipher = createCipheriv("aes-256-ctr", key, Buffer.alloc(16));
  return (bytes) => cipher.update(Buffer.alloc(bytes));
}
