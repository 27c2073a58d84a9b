// Owns randomness that is the same each time, a gigabyte a second.
import { createCipheriv, createHash } from "node:crypto";

/** Answers with as many bytes as are asked for, each time the next ones of one endless row. */
export function createKeystream(): (bytes: number) => Buffer {
  const key = createHash("sha256").update("1").digest();
  const cipher = createCipheriv("aes-256-ctr", key, Buffer.alloc(16));
  return (bytes) => cipher.update(Buffer.alloc(bytes));
}
