// Makes the fingerprint that separates the KV snapshots of different models. Loading a snapshot of another model may crash the process.
import { createHash } from "node:crypto";
import { closeSync, openSync, readSync, statSync } from "node:fs";

/** Number of bytes to hash at the beginning of the file, where the metadata, the vocabulary and the list of tensors are. */
const headBytes = 1 << 20;
/** Number of samples of the weights, spread over the file: models of a family can have the same first bytes. */
const samples = 64;
const sampleBytes = 4_096;

/**
 * The fingerprint is different for another file, another modification time of the file, and other settings.
 * @param settings everything else that decides the contents of a snapshot, in a fixed order
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
