import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { choosePrefixFolder } from "./prefix-folder.ts";

let parent: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), "prefix-folder-"));
});
afterEach(() => rmSync(parent, { recursive: true }));

const chosen = (given: Partial<Parameters<typeof choosePrefixFolder>[0]> = {}) =>
  choosePrefixFolder({ folder: undefined, maxBytes: 2 ** 20, parents: [parent], ...given });

test("a folder of the worker's own is gone with it", () => {
  const folder = chosen();
  expect(basename(folder?.path ?? "")).toMatch(new RegExp(`^waggle-prefixes-${process.pid}-`));
  expect(folder?.maxBytes).toBe(2 ** 20);
  mkdirSync(join(folder?.path ?? "", "model"), { recursive: true });
  writeFileSync(join(folder?.path ?? "", "model", "state.kv"), "x");
  folder?.close();
  expect(readdirSync(parent)).toEqual([]);
});

test("a folder that was asked for stays", () => {
  const folder = chosen({ folder: join(parent, "mine") });
  mkdirSync(folder?.path ?? "");
  folder?.close();
  expect(existsSync(join(parent, "mine"))).toBe(true);
});

test("never takes more than half of what is free", () => {
  const { maxBytes } = chosen({ maxBytes: Number.MAX_SAFE_INTEGER }) ?? { maxBytes: Infinity };
  expect(maxBytes).toBeGreaterThan(0);
  expect(maxBytes).toBeLessThan(2 ** 50);
});

test("is not chosen where nothing is to be kept, or nothing can be", () => {
  expect(chosen({ maxBytes: 0 })).toBeUndefined();
  expect(chosen({ parents: [join(parent, "missing")] })).toBeUndefined();
  expect(chosen({ parents: [join(parent, "missing"), parent] })).toBeDefined();
});

test("what a killed worker has left is removed, and nothing else", () => {
  const goneBy = Number(execFileSync(process.execPath, ["-e", "console.log(process.pid)"], { encoding: "utf8" }));
  const left = join(parent, `waggle-prefixes-${goneBy}-0123456789ab`);
  const running = join(parent, `waggle-prefixes-${process.ppid}-0123456789ab`);
  const foreign = join(parent, `waggle-prefixes-${goneBy}-notes`);
  for (const path of [left, running, foreign]) mkdirSync(path);
  chosen();
  expect([left, running, foreign].map((path) => existsSync(path))).toEqual([false, true, true]);
});
