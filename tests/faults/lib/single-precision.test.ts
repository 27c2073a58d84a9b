// Tests that a model file converted to single precision has the same metadata, byte for byte, and the same weights.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readGgufFile } from "@waggle/models/header";
import { repositoryPath } from "@waggle/testing/harness";
import { shapeNamed, writeRandomModel, writeSinglePrecision } from "@waggle/testing/models";
import { afterAll, expect, it } from "vitest";

const embedded = repositoryPath("models/waggle-tiny-stories.gguf");
const folder = mkdtempSync(join(tmpdir(), "waggle-synth-"));
afterAll(() => rmSync(folder, { recursive: true }));

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

it("throws for files that it cannot read", () => {
  const path = join(folder, "other.gguf");
  writeFileSync(path, "GGUF, but not really");
  expect(() => writeSinglePrecision(path, join(folder, "x"))).toThrow("no GGUF file of version 3");
  writeRandomModel(shapeNamed("embed"), path);
  expect(() => writeSinglePrecision(path, join(folder, "x"))).toThrow("ggml's type 8: only of halves");
});
