// Owns the header of a GGUF file, version 3, after ggml's docs/gguf.md: metadata, then the names, sizes and offsets of tensors. Little-endian.

/** The values of `ggml_type` (ggml.h) that we write. */
const tensorType = { f32: 0, q5_0: 6, q8_0: 8, q4_K: 12, q6_K: 14 } as const;

export interface GgufTensor {
  readonly name: string;
  /** Fastest-running dimension first: a matrix of r rows with c columns is [c, r]. */
  readonly dimensions: readonly number[];
  readonly type: keyof typeof tensorType;
  readonly bytes: number;
  /** Standard deviation of random weights, where it is not the usual one of this kind of tensor. */
  readonly deviation?: number;
}

/** The values of `llama_token_type` (llama.h) that we write. */
export const tokenType = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;
/** Values of `llama_ftype` (llama.h) that we write. */
export const fileType = { Q8_0: 7, Q4_K_M: 15 } as const;

const alignment = 32;

export type BlockType = Exclude<keyof typeof tensorType, "f32">;

/** A block of each type, after ggml's ggml-common.h: its weights share scales. The columns of a matrix are a multiple of its weights. */
export const blocks = {
  q8_0: { weights: 32, bytes: 34 },
  q5_0: { weights: 32, bytes: 22 },
  q4_K: { weights: 256, bytes: 144 },
  q6_K: { weights: 256, bytes: 210 },
} as const satisfies Record<BlockType, { weights: number; bytes: number }>;

/** A block of Q8_0. Its bytes are the scale, a half float, and a signed byte for each weight. */
export const block = blocks.q8_0;

export function matrix(name: string, columns: number, rows: number, type: BlockType = "q8_0"): GgufTensor {
  const { weights, bytes } = blocks[type];
  return { name, dimensions: [columns, rows], type, bytes: ((columns * rows) / weights) * bytes };
}

/** A vector in single precision, like norms and biases in every file. */
export function vector(name: string, length: number): GgufTensor {
  return { name, dimensions: [length], type: "f32", bytes: length * 4 };
}

/** A matrix in single precision. */
export function singleMatrix(name: string, columns: number, rows: number): GgufTensor {
  return { ...vector(name, columns * rows), dimensions: [columns, rows] };
}

/** Metadata values, each after its `gguf_metadata_value_type`. Numbers are copied from memory: our platforms are little-endian. */
export const gguf = {
  uint32: (value: number): Buffer => Buffer.concat([u32(4), u32(value)]),
  float32: (value: number): Buffer => Buffer.concat([u32(6), arrayBytes(Float32Array.of(value))]),
  bool: (value: boolean): Buffer => Buffer.concat([u32(7), Buffer.from([Number(value)])]),
  string: (value: string): Buffer => Buffer.concat([u32(8), text(value)]),
  strings: (values: readonly string[]): Buffer => Buffer.concat([array(8, values.length), ...values.map(text)]),
  float32s: (values: Float32Array): Buffer => Buffer.concat([array(6, values.length), arrayBytes(values)]),
  int32s: (values: Int32Array): Buffer => Buffer.concat([array(5, values.length), arrayBytes(values)]),
  bools: (values: readonly boolean[]): Buffer =>
    Buffer.concat([array(7, values.length), Buffer.from(values.map(Number))]),
};

/** The header with padding. The tensors' bytes follow, each padded to a multiple of the alignment. */
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

/** Rounds up to a multiple of the alignment. */
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

function arrayBytes({ buffer, byteOffset, byteLength }: Float32Array | Int32Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

const u32 = (value: number): Buffer => arrayBytes(Int32Array.of(value));

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}
