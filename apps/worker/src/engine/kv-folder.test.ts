import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { lockFolder, lockStateOf } from "@waggle/daemon";
import { chooseKvFolder } from "./kv-folder.ts";
import type { KvFolder } from "./kv-folder.ts";

let parent: string;
const open: KvFolder[] = [];
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), "kv-folder-"));
});
afterEach(() => {
  for (const folder of open.splice(0)) folder.close();
});

async function chosen(given: Partial<Parameters<typeof chooseKvFolder>[0]> = {}): Promise<KvFolder> {
  const folder = await chooseKvFolder({ folder: undefined, maxBytes: 2 ** 20, parents: [parent], ...given });
  if (folder === undefined) expect.fail("no folder");
  open.push(folder);
  return folder;
}

/** Runs a process that locks the folder as a worker does, and dies. */
async function lockAndDie(folder: string): Promise<void> {
  const path = JSON.stringify(join(folder, "lock"));
  const owner = spawn(process.execPath, ["-e", `require("net").createServer().listen(${path}, () => console.log())`]);
  await once(owner.stdout, "data");
  owner.kill("SIGKILL");
  await once(owner, "exit");
}

test("models share a temporary folder, which is removed with its worker, and a model's share with its engine", async () => {
  const folder = await chosen();
  expect(basename(folder.path)).toMatch(new RegExp(`^waggle-prefixes-${process.pid}-`));
  const one = folder.shareOf("j", 2);
  const other = folder.shareOf("m2j", 2);
  expect([folder, one, other].map(({ maxBytes }) => maxBytes)).toEqual([2 ** 20, 2 ** 19, 2 ** 19]);
  for (const { folder: path } of [one, other]) mkdirSync(join(path, "model"), { recursive: true });
  one.release();
  expect([existsSync(one.folder), existsSync(other.folder)]).toEqual([false, true]);
  folder.close();
  expect(readdirSync(parent)).toEqual([]);
});

test("models share a configured folder, which is kept: they find their snapshots again", async () => {
  const folder = await chosen({ folder: join(parent, "mine") });
  const share = folder.shareOf("j", 4);
  expect(share).toMatchObject({ folder: join(parent, "mine"), maxBytes: 2 ** 18 });
  mkdirSync(share.folder);
  share.release();
  folder.close();
  expect(existsSync(share.folder)).toBe(true);
});

test("a temporary folder takes at most half of the free space", async () => {
  const { maxBytes } = await chosen({ maxBytes: Number.MAX_SAFE_INTEGER });
  expect(maxBytes).toBeGreaterThan(0);
  expect(maxBytes).toBeLessThan(2 ** 50);
});

test("no folder is chosen without snapshots, or without a usable parent", async () => {
  const choose = (maxBytes: number, parents: string[]) => chooseKvFolder({ folder: undefined, maxBytes, parents });
  expect(await choose(0, [parent])).toBeUndefined();
  expect(await choose(1, [join(parent, "missing")])).toBeUndefined();
  expect((await chosen({ parents: [join(parent, "missing"), parent] })).path).toContain(parent);
});

test("the folder of a killed worker is removed, even if another process here has its id", async () => {
  const left = join(parent, `waggle-prefixes-${process.ppid}-0123456789ab`);
  mkdirSync(left);
  await lockAndDie(left);
  await chosen();
  expect(existsSync(left)).toBe(false);
});

/** The id of a process that has exited. */
const idOfGone = (): string => execFileSync(process.execPath, ["-p", "process.pid"], { encoding: "utf8" }).trim();

test("the folder of a living worker is kept, even if no process here has its id", async () => {
  const living = join(parent, `waggle-prefixes-${idOfGone()}-0123456789ab`);
  mkdirSync(living);
  const lock = await lockFolder(living);
  await chosen();
  expect(existsSync(living)).toBe(true);
  lock?.release();
});

test("a folder without a lock is removed only when it is old and its process is gone", async () => {
  const goneBy = idOfGone();
  const folder = (name: string, old = true): string => {
    const path = join(parent, name);
    mkdirSync(path);
    if (old) utimesSync(path, 1_000, 1_000);
    return path;
  };
  const left = folder(`waggle-prefixes-${goneBy}-0123456789ab`);
  const young = folder(`waggle-prefixes-${goneBy}-0123456789ac`, false);
  const running = folder(`waggle-prefixes-${process.ppid}-0123456789ab`);
  const foreign = folder(`waggle-prefixes-${goneBy}-notes`);
  await chosen();
  expect([left, young, running, foreign].map((path) => existsSync(path))).toEqual([false, true, true, true]);
});

test("a folder whose path is too long for a lock is used without a lock", async () => {
  const deep = join(parent, "x".repeat(120));
  mkdirSync(deep);
  const folder = await chosen({ parents: [deep] });
  expect(await lockStateOf(folder.path)).toBe("unlocked");
});

test("a folder that has become a file prevents neither an engine nor the worker from exiting", async () => {
  const folder = await chosen();
  const share = folder.shareOf("j", 1);
  rmSync(folder.path, { recursive: true });
  writeFileSync(folder.path, "a file");
  share.release();
  folder.close();
  expect(existsSync(folder.path)).toBe(false);
});
