// Owns what tells a model's saved states from those of any other: loading a foreign one may crash the process.
import { createHash } from "node:crypto";
import { closeSync, openSync, readSync, statSync } from "node:fs";

/** Metadata, vocabulary and the list of tensors begin the file. */
const headBytes = 1 << 20;
/** Weights that are looked at, spread over the file: models of one family have the same head. */
const samples = 64;
const sampleBytes = 4_096;

/**
 * A name for this file and this way to compute with it. Another file, another version of it or another setting gives
 * another name; so does the same file written anew.
 * @param settings whatever else decides how a state looks, in a fixed order
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
