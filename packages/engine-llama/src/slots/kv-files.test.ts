import { execFileSync } from "node:child_process";
import fs, { existsSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PromptChunk } from "@waggle/engine";
import { beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { createChunkEntries } from "./chunk-entries.ts";
import { openKvFiles, type KvFiles } from "./kv-files.ts";

let parent: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), "kv-files-"));
});

const open = (): KvFiles => openKvFiles(parent, "model", createChunkEntries(), 8);

async function save(folder: KvFiles, tokens: readonly number[]): Promise<string> {
  const { id, path } = folder.newFile(0);
  writeFileSync(path, `state of ${tokens.join()}`);
  folder.seal(id, { entries: tokens, chunks: [] }, "alice");
  await folder.settled();
  return id;
}

test("the most recently used snapshot is last in the list", async () => {
  const folder = open();
  const ids = [await save(folder, [1]), await save(folder, [2]), await save(folder, [3])];
  ids.forEach((id, i) => utimesSync(join(parent, "model", `${id}.json`), 1_000 + i, 1_000 + i));
  const later = open();
  expect(later.found.map(({ id }) => id)).toEqual(ids);
  const [first] = later.found;
  expect(first !== undefined && (await later.isSound(first))).toBe(true);
  expect(open().found.map(({ id }) => id)).toEqual([ids[1], ids[2], ids[0]]);
});

test("the pictures of a snapshot are in its description, and their cells get this process's numbers", async () => {
  const folder = open();
  const { id, path } = folder.newFile(0);
  writeFileSync(path, "x");
  const placed = (at: number, name: string, entry: number): PromptChunk => {
    return { at, chunk: { id: name, entry, picture: 0, cells: 3, positions: 2, causal: true } };
  };
  folder.seal(id, { entries: [5, -7, -7, -7, -8, -8], chunks: [placed(1, "a", -7), placed(4, "b", -8)] }, "alice");
  await folder.settled();
  const description = JSON.parse(readFileSync(join(parent, "model", `${id}.json`), "utf8")) as object;
  const pictures = [
    { at: 1, held: 3, id: "a", picture: 0, cells: 3, positions: 2, causal: true },
    { at: 4, held: 2, id: "b", picture: 0, cells: 3, positions: 2, causal: true },
  ];
  expect(description).toMatchObject({ tokens: [5, 0, 0, 0, 0, 0], pictures });
  const chunks = [placed(1, "a", -1), placed(4, "b", -2)];
  expect(open().found).toMatchObject([{ entries: [5, -1, -1, -1, -2, -2], chunks }]);
});

test("a removed folder is made again", async () => {
  const folder = open();
  const lost = await save(folder, [1]);
  rmSync(parent, { recursive: true });
  const kept = await save(folder, [2]);
  expect(open().found.map(({ id }) => id)).toEqual([kept]);
  expect(await folder.isSound({ id: lost, entries: [1], chunks: [], cacheScope: "alice", bytes: 1 })).toBe(false);
});

test("a file that would fill the file system, or the memory that it is in, is rejected", () => {
  expect(() => open().newFile(2 ** 50)).toThrow("nearly full");
  vi.spyOn(fs, "statfsSync").mockReturnValue({ ...fs.statfsSync(parent), bavail: 2 ** 30, type: 0x01021994 });
  vi.spyOn(process, "availableMemory").mockReturnValue(2 ** 30);
  syncBuiltinESMExports();
  onTestFinished(() => {
    vi.restoreAllMocks();
    syncBuiltinESMExports();
  });
  expect(open().newFile(2 ** 25).path).toContain(parent);
  expect(() => open().newFile(2 ** 26)).toThrow("nearly full");
});

test("a file's size is expected by the model's cells, and by larger files before", async () => {
  const folder = open();
  expect(folder.bytesOf(10)).toBe(240);
  const { id, path } = folder.newFile(2);
  writeFileSync(path, "x".repeat(60));
  folder.seal(id, { entries: [1, 2], chunks: [] }, "alice");
  expect(folder.bytesOf(10)).toBe(300);
  await folder.settled();
});

test("old files without a description are removed; young files stay, because another worker may be writing them", () => {
  const { path: old } = open().newFile(0);
  const { path: young } = open().newFile(0);
  writeFileSync(old, "x");
  writeFileSync(young, "x");
  utimesSync(old, 1_000, 1_000);
  open();
  expect([existsSync(old), existsSync(young)]).toEqual([false, true]);
});

test("removing a snapshot also removes its unfinished description", async () => {
  const folder = open();
  const id = await save(folder, [1]);
  const part = join(parent, "model", `${id}.json.part`);
  writeFileSync(part, "{");
  folder.remove({ id });
  expect(existsSync(part)).toBe(false);
  writeFileSync(part, "{");
  open();
  expect(existsSync(part)).toBe(false);
});

test("a removed snapshot gets no description", async () => {
  const folder = open();
  const { id, path } = folder.newFile(0);
  writeFileSync(path, "x");
  folder.remove(folder.seal(id, { entries: [1], chunks: [] }, "alice"));
  await folder.settled();
  expect(open().found).toEqual([]);
  expect(existsSync(path.replace(/kv$/, "json"))).toBe(false);
});

test.each(["", "model"])("nothing throws if the folder %j becomes a file", async (name) => {
  const folder = open();
  const id = await save(folder, [1]);
  const state = { id, entries: [1], chunks: [], cacheScope: "alice", bytes: 1 };
  rmSync(join(parent, name), { recursive: true });
  writeFileSync(join(parent, name), "a file");
  expect(await folder.isSound(state)).toBe(false);
  folder.remove(state);
  expect(() => writeFileSync(folder.newFile(0).path, "x")).toThrow(/ENOTDIR|EEXIST/);
});

test("a snapshot with a changed bit is not sound, not even for the process that saved it", async () => {
  const folder = open();
  const state = { id: await save(folder, [1]), entries: [1], chunks: [], cacheScope: "alice", bytes: 10 };
  writeFileSync(join(parent, "model", `${state.id}.kv`), "state of 2");
  const later = open();
  expect(later.found).toEqual([state]);
  expect([await folder.isSound(state), await later.isSound(state)]).toEqual([false, false]);
});

test("a snapshot that is incomplete, or has no description, is ignored", async () => {
  const folder = open();
  const id = await save(folder, [1]);
  const description = join(parent, "model", `${id}.json`);
  const text = readFileSync(description, "utf8");
  for (const broken of ["", "{}", "no JSON", text.replace('"bytes":10', '"bytes":11')]) {
    writeFileSync(description, broken);
    expect(open().found, broken).toEqual([]);
  }
  rmSync(description);
  execFileSync("mkfifo", [description]);
  expect(open().found).toEqual([]);
});
