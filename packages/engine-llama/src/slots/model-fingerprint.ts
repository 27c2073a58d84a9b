// Owns the fingerprint of a model's KV snapshots: loading those of another model may crash the process.
import { createHash } from "node:crypto";
import { closeSync, openSync, readSync, statSync } from "node:fs";

/** The file begins with metadata, vocabulary and the list of tensors. */
const headBytes = 1 << 20;
/** Samples of the weights, spread over the file: models of one family have the same head. */
const samples = 64;
const sampleBytes = 4_096;

/**
 * A name for this file and these settings. Another file, another version of it or another setting gives another name; so does a copy
 * with another time of modification.
 * @param settings everything else that the contents of a snapshot depend on, in a fixed order
 * @returns 32 hexadecimal digits
 */
export function modelFingerprint(modelPath: string, settings: readonly string[]): string {
  const { size, mtimeMs } = statSync(modelPath);
  const hash = createHash("sha256").update(JSON.stringify([size, mtimeMs, ...settings]));
  const fd = openSync(modelPath, "r");
  try {
    const add = (position: number, length: number): void => {
      const buffer = Buffer.alloc(length);
      hash.update(buffer.subarray(0, readSync(fd, buffer, 0, length, position)));
    };
    add(0, headBytes);
    for (let i = 1; i <= samples; i++) add(Math.max(0, Math.floor((size * i) / samples) - sampleBytes), sampleBytes);
  } finally {
    closeSync(fd);
  }
  return hash.digest("hex").slice(0, 32);
}
