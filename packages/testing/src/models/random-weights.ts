// Owns the pseudo-random weights of a made-up model, the same each time. Their scale keeps activations from growing or vanishing.
import { aligned, blocks, type BlockType, type GgufTensor } from "./gguf.ts";

/** Number of blocks in a piece. */
const pieceBlocks = 32_768;

interface Scales {
  /** The standard deviation of a block's weights when the half float is 1 and the other bytes outside of `bytes` are random. */
  readonly deviation: number;
  /** The scales of a block, and the place of these bytes in it, after ggml-common.h. */
  readonly at: number;
  readonly bytes: (half: readonly [number, number]) => readonly number[];
}

const scales: Readonly<Record<BlockType, Scales>> = {
  q8_0: { deviation: 256 / Math.sqrt(12), at: 0, bytes: (half) => half },
  q5_0: { deviation: deviationOf(32), at: 0, bytes: (half) => half },
  // Two half floats, for the scales and the minima, then eight scales of 8 and eight minima of 60, with six bits each. So a random number of four bits,
  // whose mean is 7.5, becomes a weight whose mean is 0.
  q4_K: {
    deviation: 8 * deviationOf(16),
    at: 0,
    bytes: (half) => [...half, ...half, ...[0x08, 0xfc, 0xc8].flatMap((byte) => Array<number>(4).fill(byte))],
  },
  // Sixteen scales with alternating signs, because the mean of a random number from -32 to 31 is not 0.
  q6_K: {
    deviation: 4 * deviationOf(64),
    at: 192,
    bytes: (half) => [...Array.from({ length: 16 }, (_, index) => (index % 2 === 0 ? 4 : 0x100 - 4)), ...half],
  },
};

/**
 * The bytes of a tensor with its padding. A matrix has random bytes with one scale. A vector has ones, a bias zeros, and the decay of a
 * recurrent state (`ssm_a`) -1. With a `deviation`, a tensor in single precision is random, too.
 */
export function* tensorPieces(
  { name, type, dimensions, bytes, deviation: wanted }: GgufTensor,
  random: (bytes: number) => Buffer,
): Generator<Buffer, void> {
  const [columns = 1] = dimensions;
  if (type === "f32" && wanted !== undefined) yield* randomSingles(bytes / 4, wanted, random);
  else if (type === "f32") yield Buffer.from(new Float32Array(bytes / 4).fill(singleOf(name)).buffer);
  else {
    const { deviation, at, bytes: scalesOf } = scales[type];
    // Keeps activations at their size, so that the logits are close to each other and no token always wins.
    const half = toHalf((wanted ?? 1 / Math.sqrt(columns)) / deviation);
    const scale = Uint8Array.from(scalesOf([half & 0xff, half >> 8]));
    const blockBytes = blocks[type].bytes;
    const pieceBytes = blockBytes * pieceBlocks;
    for (let from = 0; from < bytes; from += pieceBytes) {
      const piece = random(Math.min(pieceBytes, bytes - from));
      for (let block = 0; block < piece.length; block += blockBytes) piece.set(scale, block + at);
      yield piece;
    }
  }
  yield Buffer.alloc(aligned(bytes) - bytes);
}

function* randomSingles(count: number, deviation: number, random: (bytes: number) => Buffer): Generator<Buffer, void> {
  const scale = deviation / deviationOf(0x10000);
  for (let from = 0; from < count; from += pieceBlocks) {
    const bytes = random(2 * Math.min(pieceBlocks, count - from));
    const singles = Float32Array.from(
      { length: bytes.length / 2 },
      (_, i) => (bytes.readUInt16LE(2 * i) - 32_767.5) * scale,
    );
    yield Buffer.from(singles.buffer);
  }
}

/** The standard deviation of a random whole number of `count` consecutive ones. */
function deviationOf(count: number): number {
  return Math.sqrt((count ** 2 - 1) / 12);
}

function singleOf(name: string): number {
  if (name.endsWith(".bias")) return 0;
  return name.endsWith(".ssm_a") ? -1 : 1;
}

/** Rounds a number from 0 to 65,504, the range of half floats, down to a half float. Returns its bits. */
export function toHalf(value: number): number {
  if (value < 2 ** -14) return Math.floor(value * 2 ** 24);
  const [bits = 0] = new Uint32Array(Float32Array.of(value).buffer);
  return (bits >>> 13) - (112 << 10);
}
