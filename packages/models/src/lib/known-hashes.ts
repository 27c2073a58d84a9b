// Owns the file in which hashes of models are kept from one start to the next. Whatever is wrong with it, it counts as empty: what it holds can
// be had again.
import { randomBytes } from "node:crypto";
import { rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { makeFolder, readTextLater } from "@waggle/async";

/** The oldest goes first. */
const mostHashes = 256;
const mostFileBytes = 1_048_576;

/** By what tells a file from every other one, in the order in which they came. */
type KnownHashes = Readonly<Record<string, string>>;

export async function findHash(path: string, key: string): Promise<string | undefined> {
  return (await read(path))[key];
}

/** Of two processes that keep one at the same time one may be lost. Where nothing can be written, nothing is kept. */
export async function keepHash(path: string, key: string, sha256: string): Promise<void> {
  const { [key]: _, ...others } = await read(path);
  const entries = [...Object.entries(others).slice(1 - mostHashes), [key, sha256]];
  const aside = `${path}.${randomBytes(4).toString("hex")}`;
  try {
    makeFolder(dirname(path));
    await writeFile(aside, JSON.stringify(Object.fromEntries(entries), undefined, 1));
    await rename(aside, path);
  } catch {
    await rm(aside, { force: true }).catch(() => {});
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
