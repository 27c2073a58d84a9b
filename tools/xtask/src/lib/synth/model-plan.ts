// Owns what stands in the file of a model of the llama architecture: its metadata and its tensors, by llama.cpp's names.
import { q8Block } from "./numbers.ts";
import type { GgufTensor, GgufValue, TensorType } from "./gguf-writer.ts";
import type { ModelShape } from "./shapes.ts";
import type { Vocabulary } from "./vocabulary.ts";

export type Quantization = "q8_0" | "f16";

export interface PlannedTensor extends GgufTensor {
  /** Standard deviation of its random weights; undefined for a norm, whose weights are all 1. */
  readonly deviation: number | undefined;
}

/** `llama_ftype` of llama.h. */
const fileType = { f16: 1, q8_0: 7 } as const;

const chatTemplate =
  "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}" +
  "{% if add_generation_prompt %}assistant:{% endif %}";

export function planMetadata(
  shape: ModelShape,
  quantization: Quantization,
  vocabulary: Vocabulary,
): Map<string, GgufValue> {
  const uint32 = (value: number): GgufValue => ({ type: "uint32", value });
  const string = (value: string): GgufValue => ({ type: "string", value });
  return new Map<string, GgufValue>([
    ["general.architecture", string("llama")],
    ["general.name", string(`Random ${shape.name} ${quantization}`)],
    ["general.description", string(`Random weights in the shape of ${shape.like}, for measuring`)],
    ["general.file_type", uint32(fileType[quantization])],
    ["general.quantization_version", uint32(2)],
    ["llama.context_length", uint32(shape.context)],
    ["llama.embedding_length", uint32(shape.width)],
    ["llama.block_count", uint32(shape.layers)],
    ["llama.feed_forward_length", uint32(shape.feedForward)],
    ["llama.attention.head_count", uint32(shape.heads)],
    ["llama.attention.head_count_kv", uint32(shape.kvHeads)],
    ["llama.attention.layer_norm_rms_epsilon", { type: "float32", value: 1e-5 }],
    ["llama.rope.dimension_count", uint32(shape.width / shape.heads)],
    ["llama.rope.freq_base", { type: "float32", value: 10_000 }],
    ["llama.vocab_size", uint32(shape.vocabulary)],
    ["tokenizer.ggml.model", string("llama")],
    ["tokenizer.ggml.pre", string("default")],
    ["tokenizer.ggml.tokens", { type: "strings", value: vocabulary.pieces }],
    ["tokenizer.ggml.scores", { type: "float32s", value: vocabulary.scores }],
    ["tokenizer.ggml.token_type", { type: "int32s", value: vocabulary.types }],
    ["tokenizer.ggml.bos_token_id", uint32(vocabulary.beginning)],
    ["tokenizer.ggml.eos_token_id", uint32(vocabulary.end)],
    ["tokenizer.ggml.unknown_token_id", uint32(vocabulary.unknown)],
    ["tokenizer.ggml.add_bos_token", { type: "bool", value: true }],
    ["tokenizer.ggml.add_eos_token", { type: "bool", value: false }],
    ["tokenizer.ggml.add_space_prefix", { type: "bool", value: true }],
    ["tokenizer.chat_template", string(chatTemplate)],
  ]);
}

/** There is no output matrix: llama.cpp takes the embedding where it is absent. */
export function planTensors(shape: ModelShape, quantization: Quantization): PlannedTensor[] {
  const { layers, width, heads, kvHeads, feedForward, vocabulary } = shape;
  const kvWidth = (width / heads) * kvHeads;
  const matrix = (name: string, columns: number, rows: number): PlannedTensor => ({
    name,
    dimensions: [columns, rows],
    type: quantization,
    bytes: tensorBytes(columns * rows, quantization),
    // Keeps what passes through it at the size it had, so that the logits stay near each other and no token wins always.
    deviation: 1 / Math.sqrt(columns),
  });
  const norm = (name: string): PlannedTensor => ({
    name,
    dimensions: [width],
    type: "f32",
    bytes: tensorBytes(width, "f32"),
    deviation: undefined,
  });
  return [
    matrix("token_embd.weight", width, vocabulary),
    norm("output_norm.weight"),
    ...Array.from({ length: layers }, (_, layer) => [
      norm(`blk.${layer}.attn_norm.weight`),
      matrix(`blk.${layer}.attn_q.weight`, width, width),
      matrix(`blk.${layer}.attn_k.weight`, width, kvWidth),
      matrix(`blk.${layer}.attn_v.weight`, width, kvWidth),
      matrix(`blk.${layer}.attn_output.weight`, width, width),
      norm(`blk.${layer}.ffn_norm.weight`),
      matrix(`blk.${layer}.ffn_gate.weight`, width, feedForward),
      matrix(`blk.${layer}.ffn_up.weight`, width, feedForward),
      matrix(`blk.${layer}.ffn_down.weight`, feedForward, width),
    ]).flat(),
  ];
}

function tensorBytes(weights: number, type: TensorType): number {
  if (type === "q8_0") return (weights / q8Block.weights) * q8Block.bytes;
  return weights * (type === "f16" ? 2 : 4);
}
