import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needs } from "@waggle/testing";
import { describe, expect, test } from "vitest";
import { madeUpHeader, magic, text, u32, u64 } from "../testing/made-up-header.ts";
import { GgufError } from "./gguf-error.ts";
import { partNames, readGgufFile } from "./read-file.ts";

const folder = mkdtempSync(join(tmpdir(), "gguf-"));

const storyModel = join(import.meta.dirname, "../../../../models/waggle-tiny-stories.gguf");
const model = readFileSync(storyModel);

function fileOf(name: string, content: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

test("reads the header of the embedded model", async () => {
  const header = await readGgufFile(storyModel);
  expect(header).toMatchObject({ version: 3, architecture: "llama", name: "Waggle Tiny Stories", parts: 1 });
  expect(header.fileBytes).toBe(statSync(storyModel).size);
  const [first] = header.tensors.filter(({ name }) => name === "token_embd.weight");
  expect(first).toMatchObject({ shape: [128, 2_048], weights: 262_144 });
  expect(Math.max(...header.tensors.map(({ offset, bytes }) => offset + bytes))).toBeLessThanOrEqual(model.length);
});

describe("a file that is not a model is rejected with the reason", () => {
  const cases: [reason: string, make: () => string][] = [
    ["no such file", () => join(folder, "missing.gguf")],
    ["no such file", () => join(storyModel, "below-a-file.gguf")],
    [
      "a directory, not a file",
      () => {
        mkdirSync(join(folder, "directory.gguf"));
        return join(folder, "directory.gguf");
      },
    ],
    ["the file is empty", () => fileOf("empty.gguf", Buffer.alloc(0))],
    ["not a GGUF file", () => fileOf("text.gguf", Buffer.from("This is a letter."))],
    ["GGUF version 7 is not supported", () => fileOf("version.gguf", Buffer.concat([magic, u32(7), Buffer.alloc(99)]))],
    ["a big-endian GGUF file", () => fileOf("big.gguf", Buffer.concat([magic, u32(0x0300_0000), Buffer.alloc(99)]))],
    ["truncated or damaged", () => fileOf("short.gguf", model.subarray(0, 20))],
    ["truncated or damaged", () => fileOf("half-header.gguf", model.subarray(0, 20_000))],
    ["truncated or damaged", () => fileOf("no-tensors.gguf", model.subarray(0, 60_000))],
    ["ends beyond the file's end", () => fileOf("half.gguf", model.subarray(0, model.length / 2))],
    ["1152921504606846976", () => fileOf("huge.gguf", Buffer.concat([magic, u32(3), u64(1n << 60n), u64(1)]))],
    ["names no architecture", () => fileOf("nothing.gguf", madeUpHeader({}))],
  ];
  test.each(cases)("%s", async (reason, make) => {
    const refused: unknown = await readGgufFile(make()).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(GgufError);
    expect((refused as Error).message).toContain(reason);
  });
});

describe("a hostile header is rejected before anything of the claimed size is read or allocated", () => {
  const start = [magic, u32(3)];
  const key = text("general.architecture");
  test.each<[what: string, bytes: Buffer[]]>([
    ["300000 tensors", [...start, u64(300_000), u64(0)]],
    ["70000 keys", [...start, u64(0), u64(70_000)]],
    ["a string of 70000 bytes", [...start, u64(0), u64(1), u64(70_000)]],
    ["a string of 99999999 bytes", [...start, u64(0), u64(1), key, u32(8), u64(99_999_999)]],
    ["an array of 99999999 elements", [...start, u64(0), u64(1), key, u32(9), u32(8), u64(99_999_999)]],
    ["a value of type 9", [...start, u64(0), u64(1), key, u32(9), u32(9), u64(1)]],
    ["a value of type 44", [...start, u64(0), u64(1), key, u32(44), u64(1)]],
    ["x of 5 dimensions", [...start, u64(1), u64(0), text("x"), u32(5)]],
    ["x of 1.", [...start, u64(1), u64(0), text("x"), u32(4), ...Array.from({ length: 4 }, () => u64(1 << 30))]],
    ["a string of 256 bytes", [...start, u64(1), u64(0), u64(256)]],
    ["an alignment of 0", [...start, u64(0), u64(1), text("general.alignment"), u32(4), u32(0)]],
  ])("%s", async (reason, bytes) => {
    const path = fileOf("hostile.gguf", Buffer.concat([...bytes, Buffer.alloc(400)]));
    await expect(readGgufFile(path)).rejects.toThrow(reason);
  });
});

test("a pipe is rejected without waiting for its writer", needs("Linux or macOS"), async () => {
  const path = join(folder, "pipe.gguf");
  execFileSync("mkfifo", [path]);
  await expect(readGgufFile(path)).rejects.toThrow("not a regular file");
});

describe("a split model", () => {
  const tensor = (name: string) => ({ name, shape: [8] });
  const parts = [
    madeUpHeader({ "general.architecture": "llama", "split.count": 2 }, [tensor("a")], { dataBytes: 32 }),
    madeUpHeader({ "split.count": 2 }, [tensor("b"), { ...tensor("c"), offset: 32 }], { dataBytes: 64 }),
  ] as const;

  test("is read with all its parts, by the name of any part", async () => {
    fileOf("split-00001-of-00002.gguf", parts[0]);
    const second = fileOf("split-00002-of-00002.gguf", parts[1]);
    const header = await readGgufFile(second);
    expect(header).toMatchObject({ architecture: "llama", parts: 2, tensorBytes: 96 });
    expect(header.fileBytes).toBe(parts[0].length + parts[1].length);
    expect(header.tensors.map(({ name }) => name)).toEqual(["a", "b", "c"]);
  });

  test("has the missing part in the error", async () => {
    for (const [name, lost] of [
      ["lost-00001-of-00002.gguf", 2],
      ["gone-00002-of-00002.gguf", 1],
    ] as const)
      await expect(readGgufFile(fileOf(name, parts[0]))).rejects.toThrow(`part ${lost} of 2: no such file`);
  });

  test("must have as many parts as its header states", async () => {
    const path = fileOf("more-00001-of-00001.gguf", parts[0]);
    await expect(readGgufFile(path)).rejects.toThrow("split into 2 parts, not 1");
  });

  test("has part names only if the part's number is possible", () => {
    expect(partNames("x-00003-of-00002.gguf")).toEqual(["x-00003-of-00002.gguf"]);
    expect(partNames("x.gguf")).toEqual(["x.gguf"]);
    expect(partNames("/models/x-00002-of-00003.gguf")).toHaveLength(3);
  });
});
