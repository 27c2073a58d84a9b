import { createHash, randomBytes } from "node:crypto";
import { appendFileSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { newFolder } from "../../testing/folder.ts";
import { deferred } from "@waggle/async";
import { hashModel } from "./hash-model.ts";

let folder: string;
beforeEach(() => void (folder = newFolder()));

const { signal } = new AbortController();
const keptAt = (): string => join(folder, "model-hashes.json");
const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

/** @returns the hash, and the number of calls of `idle` */
async function hashed(path: string): Promise<{ hash: string; pieces: number }> {
  let pieces = 0;
  const idle = async (): Promise<void> => void (pieces += 1);
  return { hash: await hashModel(path, { folder, idle, signal }), pieces };
}

/** A sparse file: its zeros take no disk space. */
function writeLarge(path: string): void {
  writeFileSync(path, "large");
  truncateSync(path, 65 * 1024 * 1024);
}

test("the hash of a split model is that of all its parts, joined", async () => {
  const bytes = randomBytes(700_000);
  writeFileSync(join(folder, "whole.gguf"), bytes);
  writeFileSync(join(folder, "split-00001-of-00002.gguf"), bytes.subarray(0, 300_000));
  writeFileSync(join(folder, "split-00002-of-00002.gguf"), bytes.subarray(300_000));
  expect((await hashed(join(folder, "whole.gguf"))).hash).toBe(sha256(bytes));
  expect((await hashed(join(folder, "split-00001-of-00002.gguf"))).hash).toBe(sha256(bytes));
});

test("a large file is only read again after a change", async () => {
  const path = join(folder, "large.gguf");
  writeLarge(path);
  const first = await hashed(path);
  expect(first.pieces).toBeGreaterThan(200);
  expect(await hashed(path)).toEqual({ hash: first.hash, pieces: 0 });
  appendFileSync(path, "more");
  const second = await hashed(path);
  expect(second.hash).not.toBe(first.hash);
  expect(Object.values(JSON.parse(readFileSync(keptAt(), "utf8")) as object)).toEqual([first.hash, second.hash]);
});

test("a damaged or foreign file of hashes counts as empty", async () => {
  const path = join(folder, "large.gguf");
  writeLarge(path);
  const { hash } = await hashed(path);
  for (const damage of ["{", "[]", JSON.stringify({ key: 7 })]) {
    writeFileSync(keptAt(), damage);
    expect((await hashed(path)).hash).toBe(hash);
  }
});

test("nothing of a large file is read while the machine is busy", async () => {
  const path = join(folder, "model.gguf");
  writeLarge(path);
  let pieces = 0;
  const asked = deferred<void>();
  const free = deferred<void>();
  const hashing = hashModel(path, {
    folder,
    signal,
    async idle() {
      pieces += 1;
      if (pieces < 2) return;
      asked.resolve();
      await free.promise;
    },
  });
  await asked.promise;
  expect(pieces).toBe(2);
  free.resolve();
  expect(await hashing).toBe(sha256(readFileSync(path)));
});

test("a small file is read at once", async () => {
  const path = join(folder, "small.gguf");
  writeFileSync(path, randomBytes(600_000));
  expect(await hashed(path)).toEqual({ hash: sha256(readFileSync(path)), pieces: 0 });
});

test("hashing stops when its signal aborts, and rejects a file that changes meanwhile", async () => {
  const path = join(folder, "model.gguf");
  writeLarge(path);
  const leaving = new AbortController();
  const idle = async (): Promise<void> => leaving.abort(new Error("leaving"));
  await expect(hashModel(path, { folder, idle, signal: leaving.signal })).rejects.toThrow("leaving");
  const change = async (): Promise<void> => appendFileSync(path, "x");
  await expect(hashModel(path, { folder, idle: once(change), signal })).rejects.toThrow(
    "the file has changed while it was read",
  );
});

function once(run: () => Promise<void>): () => Promise<void> {
  let done = false;
  return async () => {
    if (done) return;
    done = true;
    await run();
  };
}
