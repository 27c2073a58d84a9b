// Keeps the hashes of models in a file. A missing or damaged file counts as empty: Waggle then computes the hashes again.
import { dirname } from "node:path";
import { makeFolder, readTextLater } from "@waggle/async";
import { replaceFile } from "./download-record.ts";

/** With more hashes, the oldest is dropped. */
const mostHashes = 256;
const mostFileBytes = 1_048_576;

/** SHA-256 by a key that identifies a version of a file, oldest first. */
type KnownHashes = Readonly<Record<string, string>>;

export async function findHash(path: string, key: string): Promise<string | undefined> {
  return (await read(path))[key];
}

/** If two processes write at the same time, one hash may be lost. If the file cannot be written, the hash is not kept. */
export async function keepHash(path: string, key: string, sha256: string): Promise<void> {
  const { [key]: _, ...others } = await read(path);
  const entries = [...Object.entries(others).slice(1 - mostHashes), [key, sha256]];
  try {
    makeFolder(dirname(path));
    await replaceFile(path, Object.fromEntries(entries));
  } catch {
    // Waggle then only has to compute the hash again.
  }
}

async function read(path: string): Promise<KnownHashes> {
  try {
    const value: unknown = JSON.parse(await readTextLater(path, { maxBytes: mostFileBytes }));
    if (typeof value !== "object" || value === null) return {};
    const isHash = ([, sha256]: [string, unknown]): boolean =>
      typeof sha256 === "string" && /^[0-9a-f]{64}$/.test(sha256);
    return Object.fromEntries(Object.entries(value).filter(isHash)) as KnownHashes;
  } catch {
    return {};
  }
}
