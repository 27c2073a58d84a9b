import { once } from "node:events";
import { existsSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { newFolder } from "../../testing/folder.ts";
import { LockLostError, tryLock } from "./file-lock.ts";

let folder: string;
beforeEach(() => void (folder = newFolder()));

test("only one process at a time has the lock", async () => {
  const path = join(folder, "x.lock");
  const lock = await tryLock(path);
  expect(await tryLock(path)).toBeUndefined();
  await lock?.[Symbol.asyncDispose]();
  expect(existsSync(path)).toBe(false);
});

test("a process that lost its lock while it was suspended gets an abort, and does not remove the new lock", async () => {
  const path = join(folder, "x.lock");
  const lock = await tryLock(path);
  if (lock === undefined) throw new Error("the lock is free");
  // Another process takes the lock, as it does after `staleMs`.
  renameSync(path, `${path}.aside`);
  writeFileSync(path, "");
  await once(lock.lost, "abort");
  expect(lock.lost.reason).toBeInstanceOf(LockLostError);
  await lock[Symbol.asyncDispose]();
  expect(existsSync(path)).toBe(true);
});
