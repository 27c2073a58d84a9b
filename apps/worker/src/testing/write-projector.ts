// Writes the header of a projector, for tests of what the worker learns from files. No encoder can load it.
import { writeFileSync } from "node:fs";

const types = { bool: 7, string: 8 } as const;
/** The header's alignment. */
const alignment = 32;

/** @param width numbers in an embedding */
export function writeProjectorHeader(path: string, width: number): void {
  const header = Buffer.concat([
    Buffer.from("GGUF"),
    uint32(3),
    uint64(1),
    uint64(3),
    ...[text("general.architecture"), uint32(types.string), text("clip")],
    ...[text("clip.has_vision_encoder"), uint32(types.bool), Buffer.from([1])],
    ...[text("clip.projector_type"), uint32(types.string), text("mlp")],
    // A matrix in single precision.
    ...[text("mm.2.weight"), uint32(2), uint64(1), uint64(width), uint32(0), uint64(0)],
  ]);
  writeFileSync(path, Buffer.concat([header], Math.ceil(header.length / alignment) * alignment + 4 * width));
}

function uint32(value: number): Buffer {
  return Buffer.from(Uint32Array.of(value).buffer);
}

function uint64(value: number): Buffer {
  return Buffer.from(BigUint64Array.of(BigInt(value)).buffer);
}

function text(value: string): Buffer {
  return Buffer.concat([uint64(value.length), Buffer.from(value)]);
}
