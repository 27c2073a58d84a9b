// Owns headers made up for tests: of a shape that a test can reckon with, and no file.
import type { GgufHeader, GgufTensor, Metadata } from "../header/index.ts";

export interface MadeUpModel {
  readonly architecture?: string;
  readonly layers?: number;
  readonly values?: Readonly<Record<string, number | boolean | readonly number[] | readonly boolean[]>>;
  /** Name and bytes. */
  readonly tensors?: readonly (readonly [name: string, bytes: number])[];
}

/** With 1,024 words, and layers of 4 heads of 32 numbers, unless told otherwise. */
export function madeUpModel({
  architecture = "llama",
  layers = 2,
  values = {},
  tensors = [],
}: MadeUpModel): GgufHeader {
  const settings = {
    block_count: layers,
    embedding_length: 128,
    context_length: 4_096,
    feed_forward_length: 256,
    "attention.head_count": 4,
    "attention.head_count_kv": 2,
    vocab_size: 1_024,
    ...values,
  };
  const norms = Array.from({ length: layers }, (_, layer) => [`blk.${layer}.attn_norm.weight`, 512] as const);
  const all = [...tensors, ...norms].map(([name, bytes]): GgufTensor => {
    return { name, shape: [bytes / 4], weights: bytes / 4, type: "F32", offset: 0, bytes };
  });
  const tensorBytes = all.reduce((total, { bytes }) => total + bytes, 0);
  return {
    version: 3,
    architecture,
    name: undefined,
    metadata: metadataOf(architecture, settings),
    tensors: all,
    alignment: 32,
    tensorBytes,
    fileBytes: tensorBytes + 1_000,
    parts: 1,
    infill: undefined,
  };
}

function metadataOf(architecture: string, settings: Readonly<Record<string, unknown>>): Metadata {
  const at = (key: string): unknown => settings[key.replace(`${architecture}.`, "")];
  const list = (key: string, type: string): unknown[] | undefined => {
    const value = at(key);
    const values: unknown[] = Array.isArray(value) ? value : [value];
    return values.every((one) => typeof one === type) ? values : undefined;
  };
  return {
    keys: [],
    string: () => undefined,
    number: (key) => (typeof at(key) === "number" ? (at(key) as number) : undefined),
    boolean: (key) => (typeof at(key) === "boolean" ? (at(key) as boolean) : undefined),
    numbers: (key) => list(key, "number") as number[] | undefined,
    booleans: (key) => list(key, "boolean") as boolean[] | undefined,
    arrayLength: () => undefined,
    arrayPlace: () => undefined,
  };
}
