// Makes the GGUF header of a known model shape, with everything that memory depends on: tensors with the names, sizes and types of a real file.
//
// The types are those that llama.cpp's quantizer chooses (`llama_tensor_get_type_impl` of its llama-quant.cpp).
import { bytesOfWeights, tensorTypeNamed, type GgufHeader, type GgufTensor, type Metadata } from "../header/index.ts";
import type { KnownShape } from "./known-shapes.ts";

type Entry = readonly [name: string, type: string, ...shape: number[]];

export function headerOfShape(shape: KnownShape): GgufHeader {
  const tensors = entriesOf(shape).map(tensorOf);
  const tensorBytes = tensors.reduce((total, { bytes }) => total + bytes, 0);
  return {
    version: 3,
    architecture: shape.architecture,
    name: shape.name,
    metadata: metadataOf(shape),
    tensors,
    alignment: 32,
    tensorBytes,
    fileBytes: tensorBytes + shape.vocabulary * bytesPerWord,
    parts: 1,
    infill: undefined,
  };
}

/** Bytes of a vocabulary entry in a file: its text, type and merges. */
const bytesPerWord = 38;

function entriesOf(shape: KnownShape): Entry[] {
  const { width, vocabulary, tied, layers } = shape;
  const { output, embedding } = typesOf(shape);
  return [
    ["token_embd.weight", tied ? output : embedding, width, vocabulary],
    ...(tied ? [] : [["output.weight", output, width, vocabulary] as const]),
    ["output_norm.weight", "F32", width],
    ...Array.from({ length: layers }, (_, layer) => layerOf(shape, layer)).flat(),
  ];
}

function layerOf(shape: KnownShape, layer: number): Entry[] {
  const { architecture, width, heads, kvHeads, headLength, experts, feedForward } = shape;
  const [queries, keys] = [heads * headLength, kvHeads * headLength];
  const { usual, more, attention } = typesOf(shape);
  const important = hasMoreBits(layer, shape.layers) ? more : usual;
  const at = (name: string, type: string, ...numbers: number[]): Entry => [`blk.${layer}.${name}`, type, ...numbers];
  const norms = [
    at("attn_norm.weight", "F32", width),
    at(architecture === "gpt-oss" ? "post_attention_norm.weight" : "ffn_norm.weight", "F32", width),
    ...(["qwen3", "qwen3moe", "gemma3"].includes(architecture)
      ? [at("attn_q_norm.weight", "F32", headLength), at("attn_k_norm.weight", "F32", headLength)]
      : []),
    ...(architecture === "gemma3"
      ? [at("post_attention_norm.weight", "F32", width), at("post_ffw_norm.weight", "F32", width)]
      : []),
  ];
  const biases = ["qwen2", "gpt-oss"].includes(architecture)
    ? [at("attn_q.bias", "F32", queries), at("attn_k.bias", "F32", keys), at("attn_v.bias", "F32", keys)]
    : [];
  // All experts share the attention, so the quantizer spends eight bits on its values.
  const values = experts !== undefined && experts.count >= 8 && usual === "Q4_K" ? "Q8_0" : attention(important);
  return [
    ...norms,
    ...biases,
    at("attn_q.weight", attention(usual), width, queries),
    at("attn_k.weight", experts !== undefined && usual === "Q4_K" ? "Q8_0" : attention(usual), width, keys),
    at("attn_v.weight", values, width, keys),
    at("attn_output.weight", attention(usual), queries, width),
    ...(experts === undefined
      ? [
          at("ffn_gate.weight", usual, width, feedForward),
          at("ffn_up.weight", usual, width, feedForward),
          at("ffn_down.weight", important, feedForward, width),
        ]
      : [
          at("ffn_gate_inp.weight", "F32", width, experts.count),
          at("ffn_gate_exps.weight", usual, width, experts.feedForward, experts.count),
          at("ffn_up_exps.weight", usual, width, experts.feedForward, experts.count),
          at("ffn_down_exps.weight", important, experts.feedForward, width, experts.count),
        ]),
  ];
}

/** llama.cpp's `use_more_bits`: the first and last eighth of the layers, and every third layer between them. */
function hasMoreBits(layer: number, layers: number): boolean {
  const eighth = Math.floor(layers / 8);
  return layer < eighth || layer >= Math.floor((7 * layers) / 8) || (layer - eighth) % 3 === 2;
}

interface Types {
  readonly embedding: string;
  readonly output: string;
  readonly usual: string;
  readonly more: string;
  readonly attention: (type: string) => string;
}

function typesOf({ quantization }: KnownShape): Types {
  const asItIs = (type: string): string => type;
  if (quantization === "Q8_0")
    return { embedding: "Q8_0", output: "Q8_0", usual: "Q8_0", more: "Q8_0", attention: asItIs };
  if (quantization === "Q4_K_M")
    return { embedding: "Q4_K", output: "Q6_K", usual: "Q4_K", more: "Q6_K", attention: asItIs };
  // gpt-oss has small types only for the weights of its experts.
  return { embedding: "Q8_0", output: "Q8_0", usual: "MXFP4", more: "MXFP4", attention: () => "Q8_0" };
}

function tensorOf([name, type, ...shape]: Entry): GgufTensor {
  const known = tensorTypeNamed(type);
  if (known === undefined) throw new Error(`Cannot make the header of ${name}: unknown tensor type ${type}`);
  const weights = shape.reduce((product, length) => product * length, 1);
  return { name, shape, weights, type, offset: 0, bytes: bytesOfWeights(known, weights) };
}

function metadataOf(shape: KnownShape): Metadata {
  const { architecture, experts } = shape;
  const numbers = new Map<string, number | undefined>(
    Object.entries({
      block_count: shape.layers,
      embedding_length: shape.width,
      context_length: shape.context,
      feed_forward_length: shape.feedForward,
      "attention.head_count": shape.heads,
      "attention.head_count_kv": shape.kvHeads,
      "attention.key_length": shape.headLength,
      "attention.value_length": shape.headLength,
      "attention.sliding_window": shape.slidingWindow,
      vocab_size: shape.vocabulary,
      pooling_type: shape.pooling,
      expert_count: experts?.count,
      expert_used_count: experts?.used,
      expert_feed_forward_length: experts?.feedForward,
    }).map(([key, value]) => [`${architecture}.${key}`, value]),
  );
  const list = (key: string): readonly number[] | undefined => {
    const value = numbers.get(key);
    return value === undefined ? undefined : [value];
  };
  return {
    keys: [...numbers.keys()],
    string: () => undefined,
    number: (key) => numbers.get(key),
    boolean: () => undefined,
    numbers: list,
    booleans: () => undefined,
    arrayLength: () => undefined,
    arrayPlace: () => undefined,
  };
}
