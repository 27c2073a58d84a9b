// Owns the pseudo-random weights of a made-up model, the same each time. Their scale keeps activations from growing or vanishing.
import { aligned, block, type GgufTensor } from "./gguf.ts";

/** Size of a piece in bytes; a multiple of a block's bytes. */
const pieceBytes = block.bytes * 32_768;
/** Standard deviation of a random byte from -128 to 127. */
const byteDeviation = 256 / Math.sqrt(12);

/**
 * The bytes of a tensor with its padding. A matrix has random bytes with one scale. A vector has ones, a bias zeros, and the decay of a
 * recurrent state (`ssm_a`) -1.
 */
export function* tensorPieces(
  { name, type, dimensions, bytes }: GgufTensor,
  random: (bytes: number) => Buffer,
): Generator<Buffer, void> {
  const [columns = 1] = dimensions;
  if (type === "f32") yield Buffer.from(new Float32Array(bytes / 4).fill(singleOf(name)).buffer);
  else {
    // Keeps activations at their size, so that the logits are close to each other and no token always wins.
    const scale = toHalf(1 / Math.sqrt(columns) / byteDeviation);
    for (let from = 0; from < bytes; from += pieceBytes) {
      const piece = random(Math.min(pieceBytes, bytes - from));
      for (let at = 0; at < piece.length; at += block.bytes) piece.writeUInt16LE(scale, at);
      yield piece;
    }
  }
  yield Buffer.alloc(aligned(bytes) - bytes);
}

function singleOf(name: string): number {
  if (name.endsWith(".bias")) return 0;
  return name.endsWith(".ssm_a") ? -1 : 1;
}

/** Rounds a number from 2^-14 to 65,504, the range of normal half floats, down to a half float. Returns its bits. */
export function toHalf(value: number): number {
  const [bits = 0] = new Uint32Array(Float32Array.of(value).buffer);
  return (bits >>> 13) - (112 << 10);
}
