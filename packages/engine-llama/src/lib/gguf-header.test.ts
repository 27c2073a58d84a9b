import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WaggleError } from "@waggle/protocol";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { storyModel } from "../testing/story-model.ts";
import { readGgufHeader, readModelName } from "./gguf-header.ts";

const folder = mkdtempSync(join(tmpdir(), "gguf-header-"));
afterAll(() => rmSync(folder, { recursive: true }));

const model = readFileSync(storyModel);
const magic = Buffer.from("GGUF");

function fileOf(name: string, content: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** A GGUF file of string values, without tensors. */
function ggufOf(values: Record<string, string>): Buffer {
  const sized = (text: string): Buffer => {
    const bytes = Buffer.from(text);
    return Buffer.concat([u64(bytes.length), bytes]);
  };
  const entries = Object.entries(values).flatMap(([key, value]) => [sized(key), u32(8), sized(value)]);
  return Buffer.concat([magic, u32(3), u64(0), u64(entries.length / 3), ...entries]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: number | bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

test("reads what the embedded model says of itself", () => {
  expect(readGgufHeader(storyModel)).toEqual({ architecture: "llama", name: "Waggle Tiny Stories" });
});

test("a model without a name is called by its file", async () => {
  expect(await readModelName(storyModel)).toBe("Waggle Tiny Stories");
  expect(await readModelName(fileOf("nameless.gguf", ggufOf({ "general.architecture": "llama" })))).toBe(
    "nameless.gguf",
  );
});

describe("a file that is no model is refused with its path and the reason", () => {
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
    ["not a GGUF file", () => fileOf("empty.gguf", Buffer.alloc(0))],
    ["not a GGUF file", () => fileOf("text.gguf", Buffer.from("This is a letter."))],
    ["GGUF version 7 is not supported", () => fileOf("version.gguf", Buffer.concat([magic, u32(7), Buffer.alloc(99)]))],
    ["truncated or damaged", () => fileOf("short.gguf", model.subarray(0, 20))],
    ["truncated or damaged", () => fileOf("half-header.gguf", model.subarray(0, 20_000))],
    ["truncated or damaged", () => fileOf("no-tensors.gguf", model.subarray(0, 60_000))],
    ["truncated or damaged", () => fileOf("huge.gguf", Buffer.concat([magic, u32(3), u64(1n << 60n), u64(1)]))],
    ["names no architecture", () => fileOf("nothing.gguf", ggufOf({}))],
  ];
  test.each(cases)("%s", (reason, make) => {
    const path = make();
    const refused = thrownBy(() => readGgufHeader(path));
    expect(refused).toBeInstanceOf(WaggleError);
    expect(refused).toMatchObject({
      code: "unavailable",
      message: expect.stringMatching(new RegExp(`^Cannot load model ${path}: .*${reason}`)),
    });
  });
});

test.skipIf(process.platform === "win32")("a pipe is not waited for", () => {
  const path = join(folder, "pipe.gguf");
  execFileSync("mkfifo", [path]);
  expect(() => readGgufHeader(path)).toThrow("not a regular file");
});

test("whatever bytes are damaged, the answer is a header or a refusal", () => {
  const header = model.subarray(0, 60_000);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(header.length - 1), fc.nat(255)), { minLength: 1, maxLength: 20 }),
      fc.integer({ min: 4, max: header.length }),
      (damage, length) => {
        const bytes = Buffer.from(header);
        for (const [at, value] of damage) bytes[at] = value;
        const path = fileOf("damaged.gguf", bytes.subarray(0, length));
        const thrown = thrownBy(() => readGgufHeader(path));
        if (thrown !== undefined) expect(thrown).toBeInstanceOf(WaggleError);
      },
    ),
    { numRuns: 200 },
  );
});

test("random bytes behind the magic are refused", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 8, maxLength: 4_000 }), (bytes) => {
      const path = fileOf("random.gguf", Buffer.concat([magic, u32(3), bytes]));
      expect(thrownBy(() => readGgufHeader(path))).toBeInstanceOf(WaggleError);
    }),
    { numRuns: 100 },
  );
});

function thrownBy(run: () => unknown): unknown {
  try {
    run();
    return undefined;
  } catch (error) {
    return error;
  }
}
