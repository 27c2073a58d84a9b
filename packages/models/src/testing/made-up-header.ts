// Writes headers for tests, with any keys and tensors, also invalid ones.

/** A value whose GGUF type follows from its JavaScript type, or an array of 32-bit integers. */
export type MadeUpValue =
  | string
  | number
  | boolean
  | readonly string[]
  | readonly number[]
  | readonly boolean[]
  | { readonly int32s: readonly number[] };

export interface MadeUpTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** `ggml_type`; by default 0, single precision. */
  readonly type?: number;
  /** Bytes from the beginning of the tensor data. */
  readonly offset?: number;
}

/** @param options `dataBytes`: size of the tensor data, all zero */
export function madeUpHeader(
  values: Readonly<Record<string, MadeUpValue>>,
  tensors: readonly MadeUpTensor[] = [],
  { version = 3, dataBytes = 0 }: { readonly version?: number; readonly dataBytes?: number } = {},
): Buffer {
  const entries = Object.entries(values);
  const header = Buffer.concat([
    magic,
    u32(version),
    u64(tensors.length),
    u64(entries.length),
    ...entries.map(([key, value]) => Buffer.concat([text(key), madeUpValueBytes(value)])),
    ...tensors.map(({ name, shape, type = 0, offset = 0 }) =>
      Buffer.concat([text(name), u32(shape.length), ...shape.map(u64), u32(type), u64(offset)]),
    ),
  ]);
  return Buffer.concat([header, Buffer.alloc(Math.ceil(header.length / 32) * 32 - header.length + dataBytes)]);
}

export const magic = Buffer.from("GGUF");

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

export function u64(value: number | bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

export function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([u64(bytes.length), bytes]);
}

function madeUpValueBytes(value: MadeUpValue): Buffer {
  if (typeof value === "object") {
    if ("int32s" in value) return Buffer.concat([u32(9), u32(5), u64(value.int32s.length), ...value.int32s.map(u32)]);
    const [first] = value;
    return Buffer.concat([u32(9), u32(typeOf(first)), u64(value.length), ...value.map(plain)]);
  }
  return Buffer.concat([u32(typeOf(value)), plain(value)]);
}

function typeOf(value: string | number | boolean | undefined): number {
  if (typeof value === "string") return 8;
  if (typeof value === "boolean") return 7;
  return Number.isInteger(value) ? 4 : 6;
}

function plain(value: string | number | boolean): Buffer {
  if (typeof value === "string") return text(value);
  if (typeof value === "boolean") return Buffer.from([Number(value)]);
  if (Number.isInteger(value)) return u32(value);
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
}
