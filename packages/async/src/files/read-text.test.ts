// Tests reading what is no file: each of these waits for ever, or never ends, with node:fs.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeFolder } from "./make-folder.ts";
import { readText, readTextLater } from "./read-text.ts";

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "waggle-files-"));
  execFileSync("mkfifo", [join(root, "fifo")]);
  writeFileSync(join(root, "text"), "hé".repeat(50_000));
});
afterAll(() => rmSync(root, { recursive: true }));

const limit = { maxBytes: 200_000 };

describe.each([
  ["readText", async (path: string, options: typeof limit) => readText(path, options)],
  ["readTextLater", readTextLater],
])("%s", (_, read) => {
  it("reads a file whole, also one whose size is 0", async () => {
    expect(await read(join(root, "text"), limit)).toBe("hé".repeat(50_000));
    if (process.platform === "linux") expect(await read("/proc/self/status", limit)).toContain("Name:");
  });

  it.each([
    ["fifo", /^it is a FIFO, not a regular file$/],
    [".", /^it is a directory, not a regular file$/],
    ["none", /ENOENT/],
  ])("refuses %s with what it is", async (name, why) => {
    await expect(read(join(root, name), limit)).rejects.toThrow(why);
  });

  it("refuses a device, and more than its limit", async () => {
    await expect(read("/dev/zero", limit)).rejects.toThrow("it is a device, not a regular file");
    await expect(read(join(root, "text"), { maxBytes: 149_999 })).rejects.toThrow("it has more than 149999 bytes");
  });
});

it("makes a folder with those above it, and leaves one that is there", () => {
  const folder = join(root, "a/b/c");
  makeFolder(folder, { mode: 0o700 });
  makeFolder(folder);
  writeFileSync(join(folder, "x"), "");
  expect(() => makeFolder(join(folder, "x/y"))).toThrow(/ENOTDIR|EEXIST/);
});

it.runIf(process.platform === "linux")("says at once that no folder can be made below /proc", () => {
  expect(() => makeFolder("/proc/waggle/models")).toThrow("ENOENT");
});
