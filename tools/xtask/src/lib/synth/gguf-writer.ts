// Owns the header of a GGUF file, version 3, as ggml's docs/gguf.md describes it: metadata, then where each tensor is. Little-endian.

/** `ggml_type` of ggml.h, those that we write. */
export const tensorType = { f32: 0, f16: 1, q8_0: 8 } as const;
export type TensorType = keyof typeof tensorType;

/** `gguf_metadata_value_type` of docs/gguf.md. */
const valueType = { uint32: 4, int32: 5, float32: 6, bool: 7, string: 8, array: 9 } as const;

export type GgufValue =
  | { readonly type: "uint32" | "float32"; readonly value: number }
  | { readonly type: "bool"; readonly value: boolean }
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "strings"; readonly value: readonly string[] }
  | { readonly type: "float32s"; readonly value: Float32Array }
  | { readonly type: "int32s"; readonly value: Int32Array };

export interface GgufTensor {
  readonly name: string;
  /** Fastest-running dimension first: a matrix of r rows with c columns is [c, r]. */
  readonly dimensions: readonly number[];
  readonly type: TensorType;
  readonly bytes: number;
}

const ggufAlignment = 32;

/** The header with its padding: the first tensor's bytes follow it, and each tensor's are padded to `ggufAlignment`. */
export function ggufHeader(metadata: ReadonlyMap<string, GgufValue>, tensors: readonly GgufTensor[]): Buffer {
  const parts: Buffer[] = [Buffer.from("GGUF"), u32(3), u64(tensors.length), u64(metadata.size)];
  for (const [key, value] of metadata) parts.push(string(key), valueBytes(value));
  let offset = 0;
  for (const { name, dimensions, type, bytes } of tensors) {
    parts.push(string(name), u32(dimensions.length), ...dimensions.map(u64), u32(tensorType[type]), u64(offset));
    offset += aligned(bytes);
  }
  const header = Buffer.concat(parts);
  return Buffer.concat([header, Buffer.alloc(aligned(header.length) - header.length)]);
}

/** The next multiple of the alignment. */
export function aligned(bytes: number): number {
  return Math.ceil(bytes / ggufAlignment) * ggufAlignment;
}

function valueBytes(value: GgufValue): Buffer {
  switch (value.type) {
    case "uint32":
      return Buffer.concat([u32(valueType.uint32), u32(value.value)]);
    case "float32":
      return Buffer.concat([u32(valueType.float32), numbers(Float32Array.of(value.value))]);
    case "bool":
      return Buffer.concat([u32(valueType.bool), Buffer.from([value.value ? 1 : 0])]);
    case "string":
      return Buffer.concat([u32(valueType.string), string(value.value)]);
    case "strings":
      return Buffer.concat([array(valueType.string, value.value.length), ...value.value.map(string)]);
    case "float32s":
      return Buffer.concat([array(valueType.float32, value.value.length), numbers(value.value)]);
    case "int32s":
      return Buffer.concat([array(valueType.int32, value.value.length), numbers(value.value)]);
  }
}

function array(elementType: number, length: number): Buffer {
  return Buffer.concat([u32(valueType.array), u32(elementType), u64(length)]);
}

function string(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([u64(bytes.length), bytes]);
}

/** As they lie in memory: every machine that Node runs on is little-endian. */
function numbers(values: Float32Array | Int32Array): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}
