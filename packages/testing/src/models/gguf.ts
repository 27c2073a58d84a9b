// Owns the header of a GGUF file, version 3, as ggml's docs/gguf.md describes it: metadata, then where each tensor is. Little-endian.

/** `ggml_type` of ggml.h, those that we write. */
const tensorType = { f32: 0, q8_0: 8 } as const;

export interface GgufTensor {
  readonly name: string;
  /** Fastest-running dimension first: a matrix of r rows with c columns is [c, r]. */
  readonly dimensions: readonly number[];
  readonly type: keyof typeof tensorType;
  readonly bytes: number;
}

const alignment = 32;

/** Weights that share a scale in Q8_0, and the bytes they take: a half float and one signed byte for each. */
export const block = { weights: 32, bytes: 34 } as const;

/** In Q8_0; the columns are a multiple of a block's weights. */
export function matrix(name: string, columns: number, rows: number): GgufTensor {
  const bytes = ((columns * rows) / block.weights) * block.bytes;
  return { name, dimensions: [columns, rows], type: "q8_0", bytes };
}

/** In single precision, as norms and biases are in every file. */
export function vector(name: string, length: number): GgufTensor {
  return { name, dimensions: [length], type: "f32", bytes: length * 4 };
}

/** Values of the metadata, each after its `gguf_metadata_value_type`. Numbers lie as in memory: wherever Node runs it is little-endian. */
export const gguf = {
  uint32: (value: number): Buffer => Buffer.concat([u32(4), u32(value)]),
  float32: (value: number): Buffer => Buffer.concat([u32(6), bytesOf(Float32Array.of(value))]),
  bool: (value: boolean): Buffer => Buffer.concat([u32(7), Buffer.from([Number(value)])]),
  string: (value: string): Buffer => Buffer.concat([u32(8), text(value)]),
  strings: (values: readonly string[]): Buffer => Buffer.concat([array(8, values.length), ...values.map(text)]),
  float32s: (values: Float32Array): Buffer => Buffer.concat([array(6, values.length), bytesOf(values)]),
  int32s: (values: Int32Array): Buffer => Buffer.concat([array(5, values.length), bytesOf(values)]),
};

/** The header with its padding: the first tensor's bytes follow it, and each tensor's are padded too. */
export function ggufHeader(metadata: Readonly<Record<string, Buffer>>, tensors: readonly GgufTensor[]): Buffer {
  const entries = Object.entries(metadata);
  const parts: Buffer[] = [Buffer.from("GGUF"), u32(3), u64(tensors.length), u64(entries.length)];
  for (const [key, value] of entries) parts.push(text(key), value);
  let offset = 0;
  for (const { name, dimensions, type, bytes } of tensors) {
    parts.push(text(name), u32(dimensions.length), ...dimensions.map(u64), u32(tensorType[type]), u64(offset));
    offset += aligned(bytes);
  }
  const header = Buffer.concat(parts);
  return Buffer.concat([header, Buffer.alloc(aligned(header.length) - header.length)]);
}

/** The next multiple of the alignment. */
export function aligned(bytes: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}

function array(elementType: number, length: number): Buffer {
  return Buffer.concat([u32(9), u32(elementType), u64(length)]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([u64(bytes.length), bytes]);
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array | Int32Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

const u32 = (value: number): Buffer => bytesOf(Int32Array.of(value));

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}
