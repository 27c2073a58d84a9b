// Owns how numbers are stored in a model's file: half floats and the blocks of Q8_0.

const float32 = new Float32Array(1);
const float32Bits = new Uint32Array(float32.buffer);

/** The bits of the half float next to `value`; ties go to the even one. Too large ones become infinite. */
export function toHalf(value: number): number {
  float32[0] = value;
  const bits = float32Bits[0] ?? 0;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fff_ffff;
  if (magnitude >= 0x4780_0000) return sign | (magnitude > 0x7f80_0000 ? 0x7e00 : 0x7c00);
  if (magnitude < 0x3880_0000) {
    // Below the smallest normal half: a multiple of 2^-24, which is what `Math.abs(value) * 2^24` counts.
    return sign | roundToEven(Math.abs(float32[0]) * 0x100_0000);
  }
  const mantissa = magnitude - 0x3800_0000;
  return sign | roundToEven(mantissa / 0x2000);
}

function roundToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

/** The number that these bits stand for. */
export function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const mantissa = bits & 0x3ff;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  if (exponent === 0x1f) return mantissa === 0 ? sign * Infinity : Number.NaN;
  return sign * (1 + mantissa / 1_024) * 2 ** (exponent - 15);
}

/** Weights that share a scale in Q8_0, and the bytes they take: a half float and one signed byte for each. */
export const q8Block = { weights: 32, bytes: 34 } as const;

/** Writes 32 weights from `from` as one block of Q8_0 at `at`: the largest becomes 127 or -127. */
export function quantizeQ8(weights: Float32Array, from: number, target: Buffer, at: number): void {
  let largest = 0;
  for (let i = from; i < from + q8Block.weights; i++) largest = Math.max(largest, Math.abs(weights[i] ?? 0));
  const scale = largest / 127;
  target.writeUInt16LE(toHalf(scale), at);
  const inverse = scale === 0 ? 0 : 1 / scale;
  for (let i = 0; i < q8Block.weights; i++) {
    target[at + 2 + i] = Math.round((weights[from + i] ?? 0) * inverse) & 0xff;
  }
}
