// Makes up headers of models for tests, without a file. Their shapes are small and round, so that tests can calculate with them.
import type { GgufHeader, GgufTensor, Metadata } from "../header/index.ts";

export interface MadeUpModel {
  readonly architecture?: string;
  readonly layers?: number;
  readonly values?: Readonly<Record<string, number | boolean | readonly number[] | readonly boolean[]>>;
  /** Name and size in bytes of each tensor. */
  readonly tensors?: readonly (readonly [name: string, bytes: number])[];
}

/** By default a vocabulary of 1,024 tokens, and layers of 4 heads with 32 numbers. */
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
