// Computes the SHA-256 of a local model file in small pieces, of a large file only while the machine is idle. The hash of a large file is kept on disk
// until the file changes.
import { createHash } from "node:crypto";
import type { Hash } from "node:crypto";
import { open, stat } from "node:fs/promises";
import { join } from "node:path";
import { findHash, keepHash } from "./known-hashes.ts";
import { allParts } from "./model-names.ts";

/** Hashing one piece blocks the thread for less than a millisecond. */
const pieceBytes = 256 * 1024;
/**
 * Smaller files are hashed at once, and their hashes are not kept: computing such a hash is as fast as looking it up. A worker that is never idle also
 * needs the hash, because another worker of its fleet continues a job only with the same file.
 */
const leastKeptBytes = 64 * 1024 * 1024;
const fileName = "model-hashes.json";

export interface HashModelOptions {
  /** The models folder, where the hashes are kept. */
  readonly folder: string;
  /** Called before each piece of a large file. Resolves when the machine has no other work. */
  readonly idle: () => Promise<void>;
  readonly signal: AbortSignal;
}

/**
 * @param path path of the first part
 * @returns 64 hexadecimal digits. For a split model, the hash of all parts joined in order.
 * @throws Error if a part cannot be read, or changes while it is read; the signal's reason when it aborts
 */
export async function hashModel(path: string, { folder, idle, signal }: HashModelOptions): Promise<string> {
  const before = await identityOf(path);
  const kept = join(folder, fileName);
  const isLarge = before.bytes >= leastKeptBytes;
  const known = isLarge ? await findHash(kept, before.key) : undefined;
  if (known !== undefined) return known;
  const hash = createHash("sha256");
  for (const part of allParts(path)) await addFile(hash, part, isLarge ? idle : atOnce, signal);
  const after = await identityOf(path);
  if (after.key !== before.key) throw new Error("Cannot hash the model: the file has changed while it was read");
  const sha256 = hash.digest("hex");
  if (isLarge) await keepHash(kept, before.key, sha256);
  return sha256;
}

/** A key that changes when the file is replaced or written again. */
async function identityOf(path: string): Promise<{ readonly key: string; readonly bytes: number }> {
  const parts = await Promise.all(allParts(path).map(async (part) => await stat(part, { bigint: true })));
  return {
    key: parts.map(({ dev, ino, size, mtimeNs, ctimeNs }) => [dev, ino, size, mtimeNs, ctimeNs].join(":")).join(" "),
    bytes: Number(parts.reduce((sum, { size }) => sum + size, 0n)),
  };
}

async function atOnce(): Promise<void> {}

async function addFile(hash: Hash, path: string, idle: () => Promise<void>, signal: AbortSignal): Promise<void> {
  await using file = await open(path);
  const piece = Buffer.allocUnsafe(pieceBytes);
  for (;;) {
    await idle();
    signal.throwIfAborted();
    const { bytesRead } = await file.read(piece, 0, pieceBytes);
    if (bytesRead === 0) return;
    hash.update(piece.subarray(0, bytesRead));
  }
}
