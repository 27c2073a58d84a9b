// Tests that a model file converted to single precision has the same metadata, byte for byte, and the same weights.
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readGgufFile } from "@waggle/models/header";
import { needs } from "@waggle/testing";
import { repositoryPath } from "@waggle/testing/harness";
import { shapeNamed, writeRandomModel, writeSinglePrecision } from "@waggle/testing/models";
import { expect, it } from "vitest";

const embedded = repositoryPath("models/waggle-tiny-stories.gguf");
const folder = mkdtempSync(join(tmpdir(), "waggle-synth-"));

/** Decodes a half-precision number (IEEE 754). */
function fromHalf(bits: number): number {
  const size =
    (bits >> 10) & 0x1f ? (1 + (bits & 0x3ff) / 1_024) * 2 ** (((bits >> 10) & 0x1f) - 15) : (bits & 0x3ff) * 2 ** -24;
  return bits & 0x8000 ? -size : size;
}

it("has every weight of the original file", async () => {
  const path = join(folder, "single.gguf");
  writeSinglePrecision(embedded, path);
  const [before, after] = [await readGgufFile(embedded), await readGgufFile(path)];
  const [from, to] = [readFileSync(embedded), readFileSync(path)];
  expect(after.tensors.map(({ name, shape }) => [name, shape])).toEqual(
    before.tensors.map(({ name, shape }) => [name, shape]),
  );
  expect([...new Set(after.tensors.map(({ type }) => type))]).toEqual(["F32"]);
  expect(after.architecture).toBe(before.architecture);
  let halves = 0;
  for (const [i, { type, offset, weights }] of before.tensors.entries()) {
    const start = after.tensors[i]?.offset ?? NaN;
    for (let weight = 0; weight < weights; weight += 97) {
      const was =
        type === "F16" ? fromHalf(from.readUInt16LE(offset + 2 * weight)) : from.readFloatLE(offset + 4 * weight);
      if (to.readFloatLE(start + 4 * weight) !== was) throw new Error(`Weight ${weight} of tensor ${i} differs`);
      halves += Number(type === "F16");
    }
  }
  expect(halves).toBeGreaterThan(1_000);
});

it("has the weights of a quantized file, and throws for a file that it cannot read", needs("a long run"), async () => {
  const [from, to] = [join(folder, "q8.gguf"), join(folder, "from-q8.gguf")];
  writeRandomModel(shapeNamed("embed"), from);
  writeSinglePrecision(from, to);
  const [before, after] = [await readGgufFile(from), await readGgufFile(to)];
  const at = before.tensors.findIndex(({ type }) => type === "Q8_0");
  const [start = NaN, end = NaN] = [before, after].map(({ tensors }) => tensors[at]?.offset);
  const [blocks, singles] = [readFileSync(from).subarray(start), readFileSync(to).subarray(end)];
  for (const weight of [0, 31, 32, 1_000]) {
    const block = Math.floor(weight / 32) * 34;
    const due = Math.fround(fromHalf(blocks.readUInt16LE(block)) * blocks.readInt8(block + 2 + (weight % 32)));
    expect(singles.readFloatLE(4 * weight)).toBe(due);
  }
  writeFileSync(from, "GGUF, but not really");
  expect(() => writeSinglePrecision(from, to)).toThrow("no GGUF file of version 3");
});
