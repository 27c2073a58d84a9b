import { chmodSync, mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, it } from "vitest";
import { createHistory } from "./history.ts";

let folder = "";
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "waggle-history-"))));
const file = (): string => join(folder, "state", "chat-history");

it("the next chat reads the history, with messages of several lines, from a file that only its owner can read", () => {
  const first = createHistory(file());
  first.add("one");
  first.add("two\nlines");
  first.add("two\nlines");
  expect(createHistory(file()).entries).toEqual(["one", "two\nlines"]);
  expect(statSync(file()).mode & 0o777).toBe(0o600);
});

it("damaged lines are dropped, and the others kept", () => {
  createHistory(file()).add("kept");
  writeFileSync(file(), `${readFileSync(file(), "utf8")}{"a":1}\nnonsense\n"cut o`);
  expect(createHistory(file()).entries).toEqual(["kept"]);
});

it("the history is limited in entries and in bytes", () => {
  const history = createHistory(file());
  for (let i = 0; i < 1_100; i++) history.add(`entry ${i}`);
  history.add("x".repeat(20_000));
  expect(history.entries).toHaveLength(1_000);
  expect(createHistory(file()).entries.at(-1)).toBe("entry 1099");
  writeFileSync(
    file(),
    Array.from({ length: 200 }, (_, i) => `${JSON.stringify(`${i} ${"y".repeat(9_000)}`)}\n`).join(""),
  );
  createHistory(file());
  expect(statSync(file()).size).toBeLessThan(600_000);
  expect(createHistory(file()).entries.at(-1)).toMatch(/^199 /);
});

it("nothing is kept when the file cannot be written or the history is turned off", () => {
  const nowhere = createHistory(join(folder, "file", "history"));
  writeFileSync(join(folder, "file"), "");
  chmodSync(join(folder, "file"), 0o400);
  nowhere.add("one");
  expect(nowhere.entries).toEqual(["one"]);
  createHistory(undefined).add("two");
  expect(createHistory(undefined).entries).toEqual([]);
});
