import { describe, expect, it } from "vitest";
import { codeRow, codesOf } from "./codes.ts";

const width = 512;
const [code = new Int8Array()] = codesOf(1, width);

/** The numbers of a row in Q6_K, as ggml's `dequantize_row_q6_K` reads them. The scale must be a power of two. */
function readQ6(row: Buffer): number[] {
  const numbers: number[] = [];
  for (let at = 0; at < row.length; at += 210) {
    const [low, high] = [row.subarray(at, at + 128), row.subarray(at + 128, at + 192)];
    const scale = 2 ** ((row.readUInt16LE(at + 208) >> 10) - 15);
    for (const half of [0, 1]) {
      const [l, h] = [low.subarray(64 * half), high.subarray(32 * half)];
      for (let part = 0; part < 4; part += 1) {
        for (let i = 0; i < 32; i += 1) {
          const four = ((l[i + 32 * (part % 2)] as number) >> (part < 2 ? 0 : 4)) & 15;
          const two = ((h[i] as number) >> (2 * part)) & 3;
          const place = 128 * half + 32 * part + i;
          numbers.push(scale * row.readInt8(at + 192 + Math.floor(place / 16)) * ((four | (two << 4)) - 32));
        }
      }
    }
  }
  return numbers;
}

describe("codeRow", () => {
  it("encodes a code in Q6_K without a rounding error", () => {
    const row = codeRow(code, "q6_K", 1 / 32);
    expect(row.length).toBe((width / 256) * 210);
    expect(readQ6(row)).toEqual(Array.from(code, (sign) => sign / 32));
  });

  it("encodes a code in Q8_0 and in single precision", () => {
    const quantized = codeRow(code, "q8_0", 1);
    expect(quantized.length).toBe((width / 32) * 34);
    expect([quantized.readUInt16LE(34), quantized.readInt8(36)]).toEqual([0x3c00, code[32]]);
    expect(codeRow(code, "f32", 0.5).readFloatLE(4 * 7)).toBe((code[7] as number) / 2);
  });
});
