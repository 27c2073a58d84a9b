// Owns the contents of a made-up model's tensors: random ones, the same each time, that neither grow nor vanish on their way through it.
import { aligned, block, type GgufTensor } from "./gguf.ts";

/** A multiple of a block's bytes. */
const pieceBytes = block.bytes * 32_768;
/** The standard deviation of a byte that is anything from -128 to 127. */
const byteDeviation = 256 / Math.sqrt(12);

/**
 * The tensor's bytes with its padding: ones in single precision, zeros for a bias, what lets a recurrent state fade, random bytes under one scale for a
 * matrix.
 */
export function* tensorPieces(
  { name, type, dimensions, bytes }: GgufTensor,
  random: (bytes: number) => Buffer,
): Generator<Buffer, void> {
  const [columns = 1] = dimensions;
  if (type === "f32") yield Buffer.from(new Float32Array(bytes / 4).fill(singleOf(name)).buffer);
  else {
    // Keeps what passes through it at the size it had, so that the logits stay near each other and no token wins always.
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

/** The bits of the half float below a positive number that a half float holds with all its precision: 2^-14 to 65,504. */
export function toHalf(value: number): number {
  const [bits = 0] = new Uint32Array(Float32Array.of(value).buffer);
  return (bits >>> 13) - (112 << 10);
}
