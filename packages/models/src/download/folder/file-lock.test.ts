import { once } from "node:events";
import { existsSync, readdirSync, renameSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test, vi } from "vitest";
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

test("the lock of a process is not stale by another machine's clock, and one that is not renewed is", async () => {
  const path = join(folder, "x.lock");
  const lock = await tryLock(path);
  const { mtimeMs } = statSync(path);
  for (const skewMs of [20_000, -20_000]) {
    const clock = vi.spyOn(Date, "now").mockReturnValue(mtimeMs + skewMs);
    expect([await tryLock(path), await tryLock(path), existsSync(path)]).toEqual([undefined, undefined, true]);
    clock.mockRestore();
  }
  await lock?.[Symbol.asyncDispose]();
  writeFileSync(path, "");
  utimesSync(path, mtimeMs / 1_000 - 11, mtimeMs / 1_000 - 11);
  await tryLock(path);
  await using next = await tryLock(path);
  expect(next).toBeDefined();
  expect(readdirSync(folder)).toEqual(["x.lock"]);
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
