// Converts a model's file to single precision. With other weights, llama.cpp rounds numbers while it computes, so results depend on the shape of
// a batch. With single precision they do not.
import { readFileSync, writeFileSync } from "node:fs";
import { aligned } from "./gguf.ts";

/** Bytes of a metadata value, by its `gguf_metadata_value_type`. Texts and arrays contain their lengths (ggml's docs/gguf.md). */
const valueBytes: readonly (number | undefined)[] = [1, 1, 2, 2, 4, 4, 4, 1, undefined, undefined, 8, 8, 8];
const [textType, arrayType] = [8, 9];
/** `ggml_type` of ggml.h. */
const [f32, f16, q8] = [0, 1, 8];
/** A block of Q8_0: a scale of half precision, and a signed byte for each weight. */
const block = { weights: 32, scaleBytes: 2, bytes: 34 };

interface Tensor {
  /** Name and dimensions, as bytes of the header. */
  readonly head: Buffer;
  readonly type: number;
  readonly weights: number;
  readonly offset: number;
}

/**
 * Converts a GGUF file whose tensors are in half or single precision, or in Q8_0.
 * @throws Error for other files
 */
export function writeSinglePrecision(from: string, to: string): void {
  const file = readFileSync(from);
  let at = 0;
  const u32 = (): number => file.readUInt32LE((at += 4) - 4);
  const u64 = (): number => Number(file.readBigUInt64LE((at += 8) - 8));

  function skipText(): void {
    const length = u64();
    at += length;
  }

  function skipValue(type: number): void {
    if (type === textType) skipText();
    else if (type === arrayType) {
      const [element, count] = [u32(), u64()];
      for (let i = 0; i < count; i += 1) skipValue(element);
    } else at += valueBytes[type] ?? NaN;
  }

  function readTensor(): Tensor {
    const start = at;
    skipText();
    const dimensions = Array.from({ length: u32() }, u64);
    const head = file.subarray(start, at);
    return { head, type: u32(), weights: dimensions.reduce((product, length) => product * length, 1), offset: u64() };
  }

  if (file.toString("latin1", 0, 4) !== "GGUF" || file.readUInt32LE(4) !== 3)
    throw new Error(`Cannot read ${from}: no GGUF file of version 3`);
  at = 8;
  const [tensorCount, entries] = [u64(), u64()];
  for (let i = 0; i < entries; i += 1) {
    skipText();
    skipValue(u32());
  }
  const beginning = file.subarray(0, at);
  const tensors = Array.from({ length: tensorCount }, readTensor);
  const data = aligned(at);
  let offset = 0;
  const heads = tensors.map(({ head, weights }) => {
    const rest = Buffer.alloc(12);
    rest.writeUInt32LE(f32, 0);
    rest.writeBigUInt64LE(BigInt(offset), 4);
    offset += aligned(weights * Float32Array.BYTES_PER_ELEMENT);
    return Buffer.concat([head, rest]);
  });
  const header = padded(Buffer.concat([beginning, ...heads]));
  writeFileSync(
    to,
    Buffer.concat([header, ...tensors.map((tensor) => padded(weightsOf(file.subarray(data + tensor.offset), tensor)))]),
  );
}

function weightsOf(bytes: Buffer, { type, weights }: Tensor): Buffer {
  if (type === f32) return bytes.subarray(0, weights * Float32Array.BYTES_PER_ELEMENT);
  if (type !== f16 && type !== q8)
    throw new Error(`Cannot make single precision of a tensor of ggml's type ${type}: only of halves and Q8_0`);
  const values = new Float32Array(weights);
  for (let i = 0; i < weights; i += 1)
    values[i] = type === f16 ? halfOf(bytes.readUInt16LE(2 * i)) : quantizedAt(bytes, i);
  return Buffer.from(values.buffer);
}

function quantizedAt(bytes: Buffer, weight: number): number {
  const start = Math.floor(weight / block.weights) * block.bytes;
  return halfOf(bytes.readUInt16LE(start)) * bytes.readInt8(start + block.scaleBytes + (weight % block.weights));
}

/** Decodes a finite number in IEEE 754's half precision. */
function halfOf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const [exponent, fraction] = [(bits >> 10) & 0x1f, bits & 0x3ff];
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(aligned(bytes.length) - bytes.length)]);
}
