import { once } from "node:events";
import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { LockLostError, tryLock } from "./file-lock.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lock-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test("a lock is one process's at a time, and free when it lets go", async () => {
  const path = join(folder, "x.lock");
  const lock = await tryLock(path);
  expect(await tryLock(path)).toBeUndefined();
  await lock?.[Symbol.asyncDispose]();
  expect(existsSync(path)).toBe(false);
});

test("a process that lost its lock while it was stopped learns of it, and leaves the new lock alone", async () => {
  const path = join(folder, "x.lock");
  const lock = await tryLock(path);
  if (lock === undefined) throw new Error("the lock is free");
  // What another process does with a lock that has not been renewed.
  renameSync(path, `${path}.aside`);
  writeFileSync(path, "");
  await once(lock.lost, "abort");
  expect(lock.lost.reason).toBeInstanceOf(LockLostError);
  await lock[Symbol.asyncDispose]();
  expect(existsSync(path)).toBe(true);
});
