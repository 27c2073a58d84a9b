// Owns the codes of tokens in a scripted model: vectors of 1 and -1, and their rows in each tensor type, without a rounding error.
import { blocks, type BlockType } from "./gguf.ts";
import { createKeystream } from "./keystream.ts";
import { toHalf } from "./random-weights.ts";

/** Half of the numbers are 1 and half are -1. Mean 0 and variance 1, so that the final norm does not change them. */
export type Code = Int8Array;

/** Pseudo-random codes, the same each time. Two codes agree in about half of their numbers. */
export function codesOf(count: number, width: number): readonly Code[] {
  const random = createKeystream();
  return Array.from({ length: count }, () => {
    const bytes = random(width * 4);
    const keys = Array.from({ length: width }, (_, place) => bytes.readUInt32LE(place * 4));
    const order = [...keys.keys()].toSorted((a, b) => (keys[a] as number) - (keys[b] as number));
    const code = new Int8Array(width).fill(1);
    for (const place of order.slice(width / 2)) code[place] = -1;
    return code;
  });
}

const encoders = { f32: inSingle, q8_0: inQ8, q6_K: inQ6 } as const;
export type CodeType = keyof typeof encoders;

/** The code times `size`, as a row of a matrix of this type. */
export function codeRow(code: Code, type: CodeType, size: number): Buffer {
  return encoders[type](code, size);
}

function inSingle(code: Code, size: number): Buffer {
  return Buffer.from(Float32Array.from(code, (sign) => sign * size).buffer);
}

/** Blocks of a half float, the scale, and signed bytes. */
function inQ8(code: Code, size: number): Buffer {
  return inBlocks(code, "q8_0", (signs, block) => {
    block.writeUInt16LE(toHalf(size), 0);
    block.set(new Uint8Array(signs.buffer, signs.byteOffset, signs.length), 2);
  });
}

/**
 * Blocks after ggml-common.h: 128 bytes with the low four bits of each number plus 32, 64 bytes with the high two bits, sixteen scales, and a half
 * float that multiplies them. Each half of a block has 64 and 32 of these bytes: number n of a half has bits of byte n % 64 and of byte n % 32.
 */
function inQ6(code: Code, size: number): Buffer {
  return inBlocks(code, "q6_K", (signs, block) => {
    for (const [place, sign] of signs.entries()) {
      const [half, n, value] = [Math.floor(place / 128), place % 128, sign + 32];
      const [low, high] = [half * 64 + (n % 64), 128 + half * 32 + (n % 32)];
      block[low] = (block[low] as number) | ((value & 15) << (4 * Math.floor(n / 64)));
      block[high] = (block[high] as number) | ((value >> 4) << (2 * Math.floor(n / 32)));
    }
    block.fill(1, 192, 208);
    block.writeUInt16LE(toHalf(size), 208);
  });
}

function inBlocks(code: Code, type: BlockType, fill: (signs: Code, block: Buffer) => void): Buffer {
  const { weights, bytes } = blocks[type];
  const row = Buffer.alloc((code.length / weights) * bytes);
  for (let from = 0, at = 0; from < code.length; from += weights, at += bytes)
    fill(code.subarray(from, from + weights), row.subarray(at, at + bytes));
  return row;
}
