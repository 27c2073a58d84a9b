import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { offeredFile } from "./offered-file.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "offered-"));
  for (const folder of ["models", "mine"]) mkdirSync(join(root, folder));
  for (const file of ["models/a.gguf", "mine/b.gguf", "c.gguf"]) writeFileSync(join(root, file), "");
});
afterEach(() => rmSync(root, { recursive: true }));

const offered = (reference: string) => offeredFile(reference, [join(root, "models"), join(root, "mine")]);

test.each([
  ["a.gguf", "models/a.gguf"],
  ["./b.gguf", "mine/b.gguf"],
  ["new.gguf", "models/new.gguf"],
  ["below/x.gguf", "models/below/x.gguf"],
])("%s is found in a folder", (reference, path) => {
  expect(offered(reference)).toBe(join(root, path));
});

test("an absolute path is found below one of the folders", () => {
  expect(offered(join(root, "mine/b.gguf"))).toBe(join(root, "mine/b.gguf"));
});

test.each(["../c.gguf", "/etc/passwd", "below/../../c.gguf", ".", ".."])("%s is not offered", (reference) => {
  expect(offered(reference)).toBeUndefined();
});
