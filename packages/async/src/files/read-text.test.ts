// Tests reading paths that are not regular files. With node:fs, reading a FIFO waits for ever, and reading a device never ends.
import { execFileSync } from "node:child_process";
import { mkdtempSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needs } from "@waggle/testing";
import { beforeAll, describe, expect, it } from "vitest";
import { makeFolder } from "./make-folder.ts";
import { readText, readTextLater } from "./read-text.ts";

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "waggle-files-"));
  execFileSync("mkfifo", [join(root, "fifo")]);
  writeFileSync(join(root, "text"), "hé".repeat(50_000));
});

const limit = { maxBytes: 200_000 };

describe.each([
  ["readText", async (path: string, options: typeof limit) => readText(path, options)],
  ["readTextLater", readTextLater],
])("%s", (_, read) => {
  it("reads a whole file, and a file that reports size 0", async () => {
    expect(await read(join(root, "text"), limit)).toBe("hé".repeat(50_000));
    if (process.platform === "linux") expect(await read("/proc/self/status", limit)).toContain("Name:");
  });

  it.each([
    ["fifo", /^it is a FIFO, not a regular file$/],
    [".", /^it is a directory, not a regular file$/],
    ["none", /ENOENT/],
  ])("rejects %s with the reason", async (name, why) => {
    await expect(read(join(root, name), limit)).rejects.toThrow(why);
  });

  it("leaves modules where links lead to, after a FIFO", async () => {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), "waggle-link-")));
    for (const name of ["one.cjs", "two.cjs"]) writeFileSync(join(folder, name), "module.exports = __filename;");
    symlinkSync(folder, `${folder}-link`);
    const load = createRequire(import.meta.url);
    load(join(folder, "one.cjs"));
    await expect(read(join(root, "fifo"), limit)).rejects.toThrow("it is a FIFO");
    expect(load(`${folder}-link/two.cjs`)).toBe(join(folder, "two.cjs"));
  });

  it("rejects a device, and a file above the limit", async () => {
    await expect(read("/dev/zero", limit)).rejects.toThrow("it is a device, not a regular file");
    await expect(read(join(root, "text"), { maxBytes: 149_999 })).rejects.toThrow("it has more than 149999 bytes");
  });
});

it("makes a folder with its parents, and keeps an existing folder", () => {
  const folder = join(root, "a/b/c");
  makeFolder(folder, { mode: 0o700 });
  makeFolder(folder);
  writeFileSync(join(folder, "x"), "");
  expect(() => makeFolder(join(folder, "x/y"))).toThrow(/ENOTDIR|EEXIST/);
});

it("fails at once for a new folder below /proc", needs("Linux"), () => {
  expect(() => makeFolder("/proc/waggle/models")).toThrow("ENOENT");
});
