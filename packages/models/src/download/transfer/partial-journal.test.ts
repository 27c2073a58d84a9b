import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { readJournal, writeJournal } from "./partial-journal.ts";

let folder: string;
let note: string;
let partial: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "journal-"));
  note = join(folder, "note");
  partial = join(folder, "partial");
  writeFileSync(partial, Buffer.alloc(100));
});

const ranges = [
  { from: 0, to: 5 },
  { from: 90, to: 100 },
];

test("a journal is read as it was written, and has a fixed size", async () => {
  await writeJournal(note, []);
  const { size } = statSync(note);
  await writeJournal(note, ranges);
  expect(await readJournal(note, partial, 1_000)).toEqual(ranges);
  const many = Array.from({ length: 200 }, (_, i) => ({
    from: Number.MAX_SAFE_INTEGER - 401 + 2 * i,
    to: Number.MAX_SAFE_INTEGER - 400 + 2 * i,
  }));
  await writeJournal(note, many);
  expect(statSync(note).size).toBe(size);
});

test.each([
  "",
  "{",
  "null",
  '{"ranges":[[0,101]]}',
  '{"ranges":[[5,5]]}',
  '{"ranges":[[-1,5]]}',
  '{"ranges":[[1,"5"]]}',
])("the invalid journal %j is ignored", async (text) => {
  writeFileSync(note, text);
  expect(await readJournal(note, partial, 1_000)).toEqual([]);
});

test("a journal without its file, or with ranges beyond the file's size, is ignored", async () => {
  await writeJournal(note, ranges);
  expect(await readJournal(note, partial, 99)).toEqual([]);
  rmSync(partial);
  expect(await readJournal(note, partial, 1_000)).toEqual([]);
});
