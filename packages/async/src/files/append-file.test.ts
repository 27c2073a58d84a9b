// Tests reading lines in pieces, and what a full disk leaves of a text.
import { mkdtempSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { open as openFile } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, it, vi } from "vitest";
import { openAppendFile } from "./append-file.ts";
import { readLines } from "./read-lines.ts";
import { isDiskFull, writeWhole } from "./whole-file.ts";

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "waggle-lines-"))));

async function linesOf(text: string, maxBytes: number, from = 0): Promise<unknown[]> {
  const path = join(folder, "lines");
  writeFileSync(path, text);
  const lines = [];
  for await (const { bytes, end, isWhole } of readLines(path, { maxBytes, from }))
    lines.push([bytes?.toString(), end, isWhole]);
  return lines;
}

it("reads lines of any length up to the limit, from an offset, and the last one without a newline", async () => {
  expect(await linesOf("ab\n\nccc\nd", 2)).toEqual([
    ["ab", 3, true],
    ["", 4, true],
    [undefined, 8, true],
    ["d", 9, false],
  ]);
  expect(await linesOf("ab\ncd\n", 2, 3)).toEqual([["cd", 6, true]]);
  const long = "x".repeat(150_000);
  expect(await linesOf(`${long}\n${long}y\nz`, 150_000)).toEqual([
    [long, 150_001, true],
    [undefined, 300_003, true],
    ["z", 300_004, false],
  ]);
});

/** Writes of more than `room()` bytes are cut off. */
function fullDisk(room: () => number): typeof openFile {
  return async (...given) => {
    const file = await openFile(...given);
    const { appendFile } = file;
    vi.spyOn(file, "appendFile").mockImplementation(async function (this: FileHandle, data) {
      const bytes = Buffer.from(data as string);
      await appendFile.call(this, bytes.subarray(0, room()));
      if (room() < bytes.length) throw Object.assign(new Error("no room"), { code: "ENOSPC" });
    });
    return file;
  };
}

it("appends a text wholly or not at all, and keeps an old file on a full disk", async () => {
  const path = join(folder, "appended");
  writeFileSync(path, "old\ntorn");
  let room = 100;
  const open = fullDisk(() => room);
  const file = await openAppendFile(path, 4, open);
  await file.append("one\n");
  room = 2;
  await expect(file.append("two\n")).rejects.toSatisfy(isDiskFull);
  expect([file.size, readFileSync(path, "utf8")]).toEqual([8, "old\none\ntw"]);
  await expect(writeWhole(path, "whole", open)).rejects.toSatisfy(isDiskFull);
  room = 100;
  await file.append("three\n");
  await file.sync();
  await file.close();
  expect([file.size, readFileSync(path, "utf8")]).toEqual([14, "old\none\nthree\n"]);
  await writeWhole(path, "whole", open);
  expect([readFileSync(path, "utf8"), readdirSync(folder).filter((name) => name.endsWith(".part"))]).toEqual([
    "whole",
    [],
  ]);
});
