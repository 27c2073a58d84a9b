import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { madeUpHeader, magic, u32 } from "../testing/made-up-header.ts";
import { bytesSource, type ByteSource } from "./byte-source.ts";
import { GgufError } from "./gguf-error.ts";
import { limits } from "./limits.ts";
import { readGgufHeader, readGgufParts } from "./read-header.ts";

const storyModel = join(import.meta.dirname, "../../../../models/waggle-tiny-stories.gguf");
const architecture = { "general.architecture": "llama" };

/** A source that records its reads. */
function recordingSource(bytes: Uint8Array): ByteSource & { readonly reads: [offset: number, length: number][] } {
  const reads: [number, number][] = [];
  return {
    ...bytesSource(bytes),
    reads,
    read: async (offset, length) => {
      reads.push([offset, length]);
      return bytes.subarray(offset, offset + length);
    },
  };
}

test("values are read as they were written, in both GGUF versions", async () => {
  for (const version of [2, 3]) {
    const { metadata } = await readGgufHeader(
      bytesSource(
        madeUpHeader(
          { ...architecture, whole: 7, half: 0.5, yes: true, word: "Wort", list: [3, 4], flags: [true, false] },
          [],
          { version },
        ),
      ),
    );
    expect(metadata.number("whole")).toBe(7);
    expect(metadata.number("half")).toBe(0.5);
    expect(metadata.boolean("yes")).toBe(true);
    expect(metadata.string("word")).toBe("Wort");
    expect(metadata.numbers("list")).toEqual([3, 4]);
    expect(metadata.numbers("whole")).toEqual([7]);
    expect(metadata.booleans("flags")).toEqual([true, false]);
    expect(metadata.arrayLength("list")).toBe(2);
    expect(metadata.number("word")).toBeUndefined();
    expect(metadata.string("absent")).toBeUndefined();
  }
});

test("a long array keeps only its length", async () => {
  const long = Array.from({ length: limits.keptArrayLength + 1 }, (_, index) => index);
  const { metadata } = await readGgufHeader(bytesSource(madeUpHeader({ ...architecture, long })));
  expect(metadata.arrayLength("long")).toBe(long.length);
  expect(metadata.numbers("long")).toBeUndefined();
});

test.each([
  [" ", undefined],
  ["a\nb \u001b[31mc\u202e\u0007 ", "a b [31mc"],
  ["b".repeat(3_000), "b".repeat(200)],
])("a name is cleaned and cut, and dropped if it is blank: %j", async (given, shown) => {
  const { name } = await readGgufHeader(bytesSource(madeUpHeader({ ...architecture, "general.name": given })));
  expect(name).toBe(shown);
});

describe("a large vocabulary", () => {
  const tokens = Array.from({ length: 100_000 }, (_, index) => `token ${index}`);
  const bytes = madeUpHeader({ ...architecture, "tokenizer.ggml.tokens": tokens, after: 1 });

  test("is skipped in few reads, and the data after it is found", async () => {
    const source = recordingSource(bytes);
    const { metadata } = await readGgufHeader(source);
    expect(metadata.number("after")).toBe(1);
    expect(metadata.arrayLength("tokenizer.ggml.tokens")).toBe(tokens.length);
    expect(source.reads.length).toBeLessThan(5);
    expect(Math.max(...source.reads.map(([, length]) => length))).toBeLessThanOrEqual(1 << 22);
  });

  test("may have a token that is cut by the end of a read", async () => {
    // The length of the first token decides which byte of a later token is at the end of a read.
    for (const shift of [0, 3, 8, 11]) {
      const marked = ["x".repeat(shift), ...tokens.slice(0, 20_000), "<PRE>", "<SUF>", "<MID>"];
      const { infill } = await readGgufHeader(
        bytesSource(madeUpHeader({ ...architecture, "tokenizer.ggml.tokens": marked })),
      );
      expect(infill).toMatchObject({ prefix: 20_001, suffix: 20_002, middle: 20_003 });
    }
  });
});

test("a source that became shorter is an error", async () => {
  const bytes = madeUpHeader(architecture);
  const source = { ...bytesSource(bytes.subarray(0, 30)), size: bytes.length };
  await expect(readGgufHeader(source)).rejects.toThrow("became shorter");
});

test("reading a header stops when its signal aborts", async () => {
  const reason = new Error("enough");
  const signal = AbortSignal.abort(reason);
  await expect(readGgufHeader(bytesSource(madeUpHeader(architecture)), { signal })).rejects.toBe(reason);
});

test("a part is closed before the next part is opened", async () => {
  let open = 0;
  let most = 0;
  await readGgufParts(2, async () => {
    most = Math.max(most, ++open);
    return {
      ...bytesSource(madeUpHeader({ ...architecture, "split.count": 2 })),
      [Symbol.asyncDispose]: async () => void open--,
    };
  });
  expect([open, most]).toEqual([0, 1]);
});

test("a damaged file gives a header or a GgufError, whatever bytes are damaged", async () => {
  const header = readFileSync(storyModel).subarray(0, 60_000);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(header.length - 1), fc.nat(255)), { minLength: 1, maxLength: 20 }),
      fc.integer({ min: 4, max: header.length }),
      async (damage, length) => {
        const bytes = Buffer.from(header);
        for (const [at, value] of damage) bytes[at] = value;
        const refused: unknown = await readGgufHeader(bytesSource(bytes.subarray(0, length))).catch(
          (error: unknown) => error,
        );
        if (refused instanceof Error) expect(refused).toBeInstanceOf(GgufError);
      },
    ),
  );
});

test("random bytes after the magic number are rejected", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 8, maxLength: 4_000 }), async (bytes) => {
      const source = bytesSource(Buffer.concat([magic, u32(3), bytes]));
      await expect(readGgufHeader(source)).rejects.toBeInstanceOf(GgufError);
    }),
  );
});
