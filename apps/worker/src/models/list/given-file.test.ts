import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeLora } from "@waggle/testing/models";
import { beforeAll, beforeEach, describe, expect, it, test } from "vitest";
import { embeddedModelPath } from "../embedded-model.ts";
import { offeredFile, ownName, requireAdapters, requireUsable } from "./given-file.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "waggle-given-"));
  writeFileSync(join(folder, "page.gguf"), "<html>log in</html>");
});

describe("a configured model file", () => {
  it.each([
    ["missing.gguf", "no such file"],
    ["page.gguf", "not a GGUF file"],
    ["", "a directory, not a file"],
  ])("is refused with exit code 66 and one sentence if it cannot be a model: %j", async (name, why) => {
    const path = join(folder, name);
    await expect(requireUsable([path], folder)).rejects.toMatchObject({
      exitCode: 66,
      message: `Cannot load model ${path}: ${why}.`,
    });
  });

  it("that is a word, and neither a file nor a download, is refused with the folder of downloads", async () => {
    await expect(requireUsable(["no-such-word"], folder)).rejects.toThrow(
      `Cannot load model no-such-word: no such file, and no such download in ${folder}. "waggle pull" lists models for this machine.`,
    );
  });

  it("may be unusable if another model is a usable file or a download", async () => {
    const missing = join(folder, "missing.gguf");
    await expect(requireUsable([missing, embeddedModelPath()], folder)).resolves.toBeUndefined();
    await expect(requireUsable([missing, "hf:user/repo:Q4_0"], folder)).resolves.toBeUndefined();
    await expect(requireUsable([], folder)).resolves.toBeUndefined();
  });
});

describe("a configured adapter", () => {
  it("is refused with exit code 66 and one sentence if it is no adapter", async () => {
    const missing = join(folder, "missing.gguf");
    await expect(requireAdapters([[missing]])).rejects.toMatchObject({
      exitCode: 66,
      message: `Cannot use --lora ${missing}: no such file.`,
    });
    const model = embeddedModelPath();
    await expect(requireAdapters([[model], [model, missing]])).rejects.toMatchObject({
      message: `Cannot use --lora ${model}: not a LoRA adapter. Cannot use --lora ${missing}: no such file.`,
    });
  });

  it("allows the start if it is usable, or if another model needs no adapter", async () => {
    const adapter = join(folder, "adapter.gguf");
    writeLora({ architecture: "llama", matrices: [{ name: "blk.0.attn_q.weight", columns: 32, rows: 32 }] }, adapter);
    await expect(requireAdapters([[adapter]])).resolves.toBeUndefined();
    await expect(requireAdapters([[join(folder, "missing.gguf")], []])).resolves.toBeUndefined();
    await expect(requireAdapters([])).resolves.toBeUndefined();
  });
});

it("a model without a configured name has the name in its header without spaces, or its reference", async () => {
  expect(await ownName(embeddedModelPath(), folder)).toBe("Waggle-Tiny-Stories");
  expect(await ownName("hf:User/Bee-1B-GGUF:Q4_K_M", folder)).toBe("bee-1b-q4_k_m");
});

describe("a file that a request names", () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "offered-"));
    for (const folder of ["models", "mine"]) mkdirSync(join(root, folder));
    for (const file of ["models/a.gguf", "mine/b.gguf", "c.gguf"]) writeFileSync(join(root, file), "");
  });

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
});
