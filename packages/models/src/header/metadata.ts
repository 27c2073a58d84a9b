// Owns the metadata of a header: reads the key-value pairs, keeps all but long arrays, and looks values up by key and type.
import type { Cursor, VisitText } from "./cursor.ts";
import { damaged } from "./gguf-error.ts";
import { limits } from "./limits.ts";

/** `gguf_metadata_value_type` of ggml's docs/gguf.md. */
export const stringType = 8;
const arrayType = 9;

interface Scalar {
  readonly bytes: number;
  readonly read: (bytes: Buffer, at: number) => number | boolean;
}

/** The index is the type's number; undefined for string and array. */
const scalars: readonly (Scalar | undefined)[] = [
  { bytes: 1, read: (bytes, at) => bytes.readUInt8(at) },
  { bytes: 1, read: (bytes, at) => bytes.readInt8(at) },
  { bytes: 2, read: (bytes, at) => bytes.readUInt16LE(at) },
  { bytes: 2, read: (bytes, at) => bytes.readInt16LE(at) },
  { bytes: 4, read: (bytes, at) => bytes.readUInt32LE(at) },
  { bytes: 4, read: (bytes, at) => bytes.readInt32LE(at) },
  { bytes: 4, read: (bytes, at) => bytes.readFloatLE(at) },
  { bytes: 1, read: (bytes, at) => bytes.readUInt8(at) !== 0 },
  undefined,
  undefined,
  { bytes: 8, read: (bytes, at) => Number(bytes.readBigUInt64LE(at)) },
  { bytes: 8, read: (bytes, at) => Number(bytes.readBigInt64LE(at)) },
  { bytes: 8, read: (bytes, at) => bytes.readDoubleLE(at) },
];

type Plain = number | boolean | string;

/** Position of an array's elements in the file. A string element begins with its length. */
export interface ArrayPlace {
  /** Bytes from the file's start to the first element. */
  readonly at: number;
  readonly length: number;
  /** `gguf_metadata_value_type` of ggml's docs/gguf.md. */
  readonly elementType: number;
}

interface List extends ArrayPlace {
  /** Undefined for arrays of strings and arrays longer than `limits.keptArrayLength`. */
  readonly values: readonly Plain[] | undefined;
}

/** Each accessor returns undefined if the key is missing or its value has another type. */
export interface Metadata {
  readonly keys: readonly string[];
  string(key: string): string | undefined;
  /** 64-bit integers beyond 2^53 lose their last digits. */
  number(key: string): number | undefined;
  boolean(key: string): boolean | undefined;
  /** A single number counts as an array with one element. */
  numbers(key: string): readonly number[] | undefined;
  booleans(key: string): readonly boolean[] | undefined;
  /** Known for every array, also when its elements were skipped. */
  arrayLength(key: string): number | undefined;
  /** For callers that read the elements from the file themselves. */
  arrayPlace(key: string): ArrayPlace | undefined;
}

export interface ReadMetadataOptions {
  readonly count: number;
  /** Called for each token of the vocabulary, in order. */
  readonly onToken?: VisitText;
}

/** @throws GgufError for a value of unknown type, and beyond a limit */
export async function readMetadata(cursor: Cursor, { count, onToken }: ReadMetadataOptions): Promise<Metadata> {
  const values = new Map<string, Plain | List>();
  let keptBytes = 0;

  function keep(bytes: number): void {
    keptBytes += bytes;
    if (keptBytes > limits.keptBytes) throw damaged(`metadata of more than ${limits.keptBytes} bytes`);
  }

  async function readText(maxBytes: number): Promise<string> {
    const text = await cursor.text(maxBytes);
    keep(text.length);
    return text;
  }

  async function readList(key: string): Promise<List> {
    const elementType = await cursor.u32();
    const length = await cursor.u64();
    if (length > limits.arrayLength) throw damaged(`an array of ${length} elements in ${key}`);
    const place = { at: cursor.position, length, elementType };
    if (elementType === stringType) {
      await cursor.skipTexts(length, key === "tokenizer.ggml.tokens" ? onToken : undefined);
      return { ...place, values: undefined };
    }
    const { bytes, read } = scalarOf(elementType, key);
    if (length > limits.keptArrayLength) {
      cursor.skip(length * bytes);
      return { ...place, values: undefined };
    }
    keep(length * bytes);
    const raw = await cursor.bytes(length * bytes);
    return { ...place, values: Array.from({ length }, (_, index) => read(raw, index * bytes)) };
  }

  async function readValue(key: string): Promise<Plain | List> {
    const type = await cursor.u32();
    if (type === stringType) return await readText(limits.stringBytes);
    if (type === arrayType) return await readList(key);
    const { bytes, read } = scalarOf(type, key);
    return read(await cursor.bytes(bytes), 0);
  }

  for (let index = 0; index < count; index++) {
    const key = await readText(limits.keyBytes);
    values.set(key, await readValue(key));
  }
  return metadataOf(values);
}

function scalarOf(type: number, key: string): Scalar {
  const scalar = scalars[type];
  if (scalar === undefined) throw damaged(`a value of type ${type} in ${key}`);
  return scalar;
}

function metadataOf(values: ReadonlyMap<string, Plain | List>): Metadata {
  const arrayPlace = (key: string): ArrayPlace | undefined => {
    const value = values.get(key);
    return typeof value === "object" ? value : undefined;
  };
  const plainList = (key: string): readonly Plain[] | undefined => {
    const value = values.get(key);
    if (value === undefined) return undefined;
    return typeof value === "object" ? value.values : [value];
  };
  return {
    keys: [...values.keys()],
    string: (key) => ofType(values.get(key), isString),
    number: (key) => ofType(values.get(key), isNumber),
    boolean: (key) => ofType(values.get(key), isBoolean),
    numbers: (key) => allOf(plainList(key), isNumber),
    booleans: (key) => allOf(plainList(key), isBoolean),
    arrayLength: (key) => arrayPlace(key)?.length,
    arrayPlace,
  };
}

const isString = (value: unknown): value is string => typeof value === "string";
const isNumber = (value: unknown): value is number => typeof value === "number";
const isBoolean = (value: unknown): value is boolean => typeof value === "boolean";

function ofType<T>(value: unknown, is: (value: unknown) => value is T): T | undefined {
  return is(value) ? value : undefined;
}

function allOf<T>(
  values: readonly unknown[] | undefined,
  is: (value: unknown) => value is T,
): readonly T[] | undefined {
  return values?.every(is) === true ? values : undefined;
}
