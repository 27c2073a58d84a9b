// Owns the SHA-256 of a model that lies on this machine: read in small pieces while nothing else wants the machine, and known again as long as
// the file stays what it is.
import { createHash } from "node:crypto";
import type { Hash } from "node:crypto";
import { open, stat } from "node:fs/promises";
import { join } from "node:path";
import { findHash, keepHash } from "./known-hashes.ts";
import { allParts } from "./model-names.ts";

/** Hashing this much holds a thread up for less than a millisecond. */
const pieceBytes = 256 * 1024;
/** What is smaller is hashed again as fast as it is looked up. */
const leastKeptBytes = 64 * 1024 * 1024;
const fileName = "model-hashes.json";

export interface HashModelOptions {
  /** Where hashes are kept for the next time: the models folder. */
  readonly folder: string;
  /** Awaited before each piece: resolves while nothing else is to be done. */
  readonly idle: () => Promise<void>;
  readonly signal: AbortSignal;
}

/**
 * 64 hexadecimal digits. A split model's is that of its parts one after the other, as `cat` would join them.
 * @param path of the first part
 * @throws Error when a part cannot be read, or changes while it is; the signal's reason when it aborts
 */
export async function hashModel(path: string, { folder, idle, signal }: HashModelOptions): Promise<string> {
  const before = await identityOf(path);
  const kept = join(folder, fileName);
  const known = before.bytes < leastKeptBytes ? undefined : await findHash(kept, before.key);
  if (known !== undefined) return known;
  const hash = createHash("sha256");
  for (const part of allParts(path)) await addFile(hash, part, idle, signal);
  const after = await identityOf(path);
  if (after.key !== before.key) throw new Error("Cannot hash the model: it has changed meanwhile");
  const sha256 = hash.digest("hex");
  if (before.bytes >= leastKeptBytes) await keepHash(kept, before.key, sha256);
  return sha256;
}

/** What another file, or the same one written anew, does not share. */
async function identityOf(path: string): Promise<{ readonly key: string; readonly bytes: number }> {
  const parts = await Promise.all(allParts(path).map(async (part) => await stat(part, { bigint: true })));
  return {
    key: parts.map(({ dev, ino, size, mtimeNs, ctimeNs }) => [dev, ino, size, mtimeNs, ctimeNs].join(":")).join(" "),
    bytes: Number(parts.reduce((sum, { size }) => sum + size, 0n)),
  };
}

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
