// Tests the scale of made-up weights: with a wrong one, every test of such a model would compare texts of one repeated token.
import { describe, expect, it } from "vitest";
import { decoderTensors } from "./decoder-model.ts";
import { blocks, matrix, vector } from "./gguf.ts";
import { createKeystream } from "./keystream.ts";
import { quantized } from "./quantization.ts";
import { tensorPieces } from "./random-weights.ts";
import { shapeNamed } from "./shapes.ts";

/** Decodes a positive half float. */
function fromHalf(bits: number): number {
  if (bits < 0x400) return bits * 2 ** -24;
  return (1 + (bits & 0x3ff) / 1_024) * 2 ** ((bits >>> 10) - 15);
}

/** Decodes the blocks of a type as ggml-quants.c does. */
const decoders: Readonly<Record<keyof typeof blocks, (block: Buffer) => number[]>> = {
  q8_0: (block) => Array.from({ length: 32 }, (_, i) => fromHalf(block.readUInt16LE(0)) * block.readInt8(2 + i)),
  q5_0: (block) =>
    Array.from({ length: 32 }, (_, i) => {
      const nibble = (block.readUInt8(6 + (i % 16)) >> (i < 16 ? 0 : 4)) & 0xf;
      const fifth = (block.readUInt32LE(2) >>> i) & 1;
      return fromHalf(block.readUInt16LE(0)) * (nibble + 16 * fifth - 16);
    }),
  q4_K: (block) => {
    const [scale, least] = [fromHalf(block.readUInt16LE(0)), fromHalf(block.readUInt16LE(2))];
    const byte = (at: number): number => block.readUInt8(4 + at);
    return Array.from({ length: 256 }, (_, i) => {
      const group = i >> 5;
      const nibble = (block.readUInt8(16 + (group >> 1) * 32 + (i % 32)) >> (group % 2 === 0 ? 0 : 4)) & 0xf;
      const [factor, minimum] =
        group < 4
          ? [byte(group) & 63, byte(group + 4) & 63]
          : [
              (byte(group + 4) & 0xf) | ((byte(group - 4) >> 6) << 4),
              (byte(group + 4) >> 4) | ((byte(group) >> 6) << 4),
            ];
      return scale * factor * nibble - least * minimum;
    });
  },
  q6_K: (block) =>
    Array.from({ length: 256 }, (_, i) => {
      const [half, part, place] = [i >> 7, (i >> 5) & 3, i & 31];
      const low = block.readUInt8(64 * half + 32 * (part & 1) + place) >> (part < 2 ? 0 : 4);
      const high = block.readUInt8(128 + 32 * half + place) >> (2 * part);
      const number = ((low & 0xf) | ((high & 3) << 4)) - 32;
      return fromHalf(block.readUInt16LE(208)) * block.readInt8(192 + (i >> 4)) * number;
    }),
};

/** The numbers of consecutive blocks of a type. */
function decoded(type: keyof typeof blocks, bytes: Buffer): number[] {
  const size = blocks[type].bytes;
  return Array.from({ length: bytes.length / size }, (_, i) =>
    decoders[type](bytes.subarray(i * size, (i + 1) * size)),
  ).flat();
}

describe("tensorPieces", () => {
  it.each(Object.keys(decoders) as (keyof typeof blocks)[])(
    "scales the weights of a matrix in %s so that activations keep their size",
    (type) => {
      const [columns, rows] = [512, 64];
      const bytes = Buffer.concat([...tensorPieces(matrix("m", columns, rows, type), createKeystream())]);
      const weights = decoded(type, bytes);
      expect(weights).toHaveLength(columns * rows);
      const mean = weights.reduce((sum, weight) => sum + weight, 0) / weights.length;
      const deviation = Math.sqrt(weights.reduce((sum, weight) => sum + (weight - mean) ** 2, 0) / weights.length);
      expect(deviation * Math.sqrt(columns)).toBeGreaterThan(0.97);
      expect(deviation * Math.sqrt(columns)).toBeLessThan(1.03);
      expect(Math.abs(mean) / deviation).toBeLessThan(type === "q5_0" ? 0.08 : 0.02);
    },
  );
});

describe("tensorPieces of a tensor with a deviation", () => {
  it("have random single numbers with this deviation", () => {
    const bytes = Buffer.concat([...tensorPieces({ ...vector("v", 50_000), deviation: 3 }, createKeystream())]);
    const numbers = Array.from({ length: 50_000 }, (_, i) => bytes.readFloatLE(4 * i));
    const square = numbers.reduce((sum, number) => sum + number ** 2, 0) / numbers.length;
    expect(Math.sqrt(square)).toBeCloseTo(3, 1);
    expect(Math.abs(numbers.reduce((sum, number) => sum + number, 0) / numbers.length)).toBeLessThan(0.05);
    expect(new Set(numbers).size).toBeGreaterThan(30_000);
  });
});

it("gives a model of 1B the types that llama-quantize gives it", () => {
  const shape = shapeNamed("1b");
  const tensors = quantized(decoderTensors(shape), "Q4_K_M", shape.layers);
  const layers = [0, 1, 4, 7, 10, 13, 14, 15];
  expect(tensors.flatMap(({ name, type }) => (type === "q6_K" ? [name] : []))).toEqual([
    "token_embd.weight",
    ...layers.flatMap((layer) => [`blk.${layer}.attn_v.weight`, `blk.${layer}.ffn_down.weight`]),
  ]);
  expect(tensors.filter(({ type }) => type === "q4_K")).toHaveLength(96);
  expect(tensors.filter(({ type }) => type === "f32")).toHaveLength(33);
});
