// Owns the metadata and tensors of a made-up decoder, with llama.cpp's names. Architectures: llama, and others with their additions.
import type { FamilyVocabulary } from "./vocabulary/family-vocabulary.ts";
import { gguf, matrix, vector, type GgufTensor } from "./gguf.ts";
import { makeLearnedVocabulary } from "./vocabulary/learned-vocabulary.ts";
import type { ModelShape } from "./shapes.ts";
import { endsMetadata } from "./vocabulary/tokenizer-ends.ts";

/** How a model's family writes conversations. */
export interface Chat {
  readonly vocabulary: FamilyVocabulary;
  /** Source of the chat template. */
  readonly template: string;
}

export const plainChat: Chat = {
  vocabulary: { control: [], userDefined: [], bos: "<s>", eos: "</s>" },
  template:
    "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}" +
    "{% if add_generation_prompt %}assistant:{% endif %}",
};

/** Number of the encoder's layers whose outputs the layers of Qwen3-VL get, beginning with the first; 3 in models of all sizes. */
export const deepstackLayers = 3;

/** @param architecture overrides the shape's architecture: files of other models, such as mamba, have the same metadata */
export function decoderMetadata(
  shape: ModelShape,
  { vocabulary, template }: Chat,
  architecture: string = shape.architecture ?? "llama",
): Readonly<Record<string, Buffer>> {
  const { pieces, types, merges, markers } = makeLearnedVocabulary(shape.vocabulary, vocabulary);
  return {
    "general.architecture": gguf.string(architecture),
    [`${architecture}.context_length`]: gguf.uint32(shape.context),
    [`${architecture}.embedding_length`]: gguf.uint32(shape.width),
    [`${architecture}.block_count`]: gguf.uint32(shape.layers),
    [`${architecture}.feed_forward_length`]: gguf.uint32(shape.feedForward),
    [`${architecture}.attention.head_count`]: gguf.uint32(shape.heads),
    [`${architecture}.attention.head_count_kv`]: gguf.uint32(shape.kvHeads),
    [`${architecture}.attention.layer_norm_rms_epsilon`]: gguf.float32(1e-5),
    [`${architecture}.rope.dimension_count`]: gguf.uint32(headSizeOf(shape)),
    [`${architecture}.rope.freq_base`]: gguf.float32(10_000),
    [`${architecture}.vocab_size`]: gguf.uint32(shape.vocabulary),
    ...(shape.headSize === undefined ? {} : headMetadata(architecture, shape.headSize)),
    ...rotationMetadata(architecture, headSizeOf(shape)),
    ...(shape.window === undefined ? {} : { [`${architecture}.attention.sliding_window`]: gguf.uint32(shape.window) }),
    "tokenizer.ggml.model": gguf.string("gpt2"),
    // Llama 3's tokenizer, which splits texts into words with their leading space and takes a word that is a piece as one token.
    "tokenizer.ggml.pre": gguf.string("llama-bpe"),
    "tokenizer.ggml.tokens": gguf.strings(pieces),
    "tokenizer.ggml.token_type": gguf.int32s(types),
    "tokenizer.ggml.merges": gguf.strings(merges),
    ...endsMetadata(vocabulary, markers),
    "tokenizer.ggml.add_eos_token": gguf.bool(false),
    "tokenizer.chat_template": gguf.string(template),
  };
}

/** Without an output matrix: llama.cpp uses the embedding matrix instead. */
export function decoderTensors(shape: ModelShape): GgufTensor[] {
  const { layers, width, heads, kvHeads, feedForward, vocabulary, sharpness } = shape;
  const headSize = headSizeOf(shape);
  const norm = (name: string, length = width): GgufTensor => vector(`${name}.weight`, length);
  const normsHeads = ["qwen3", "qwen3vl", "gemma3"].includes(shape.architecture ?? "llama");
  // A score is the product of a query and a key. Where these are normalized, the norms' weights scale them.
  const scaled = (tensor: GgufTensor, deviation: number): GgufTensor =>
    sharpness === undefined ? tensor : { ...tensor, deviation: deviation * Math.sqrt(sharpness) };
  const normsTwice = shape.architecture === "gemma3";
  return [
    matrix("token_embd.weight", width, vocabulary),
    norm("output_norm"),
    ...Array.from({ length: layers }, (_, layer) => [
      norm(`blk.${layer}.attn_norm`),
      scaled(matrix(`blk.${layer}.attn_q.weight`, width, headSize * heads), 1 / Math.sqrt(width)),
      scaled(matrix(`blk.${layer}.attn_k.weight`, width, headSize * kvHeads), 1 / Math.sqrt(width)),
      matrix(`blk.${layer}.attn_v.weight`, width, headSize * kvHeads),
      ...(normsHeads ? ["q", "k"].map((part) => scaled(norm(`blk.${layer}.attn_${part}_norm`, headSize), 1)) : []),
      matrix(`blk.${layer}.attn_output.weight`, headSize * heads, width),
      ...(normsTwice ? [scaled(norm(`blk.${layer}.post_attention_norm`), 1)] : []),
      norm(`blk.${layer}.ffn_norm`),
      matrix(`blk.${layer}.ffn_gate.weight`, width, feedForward),
      matrix(`blk.${layer}.ffn_up.weight`, width, feedForward),
      matrix(`blk.${layer}.ffn_down.weight`, feedForward, width),
      ...(normsTwice ? [scaled(norm(`blk.${layer}.post_ffw_norm`), 1)] : []),
    ]).flat(),
  ];
}

function headMetadata(architecture: string, headSize: number): Readonly<Record<string, Buffer>> {
  return {
    [`${architecture}.attention.key_length`]: gguf.uint32(headSize),
    [`${architecture}.attention.value_length`]: gguf.uint32(headSize),
  };
}

/** A position in a picture has a time, a row and a column. Each gets a share of the pairs of a head's numbers, as in the real models. */
function rotationMetadata(architecture: string, headSize: number): Readonly<Record<string, Buffer>> {
  const pairs = headSize / 2;
  const side = architecture === "qwen2vl" ? (pairs * 3) / 8 : Math.floor((pairs * 5) / 16);
  const sections = gguf.int32s(Int32Array.of(pairs - 2 * side, side, side, 0));
  if (architecture === "qwen2vl") return { "qwen2vl.rope.dimension_sections": sections };
  if (architecture !== "qwen3vl") return {};
  return {
    "qwen3vl.rope.dimension_sections": sections,
    "qwen3vl.n_deepstack_layers": gguf.uint32(deepstackLayers),
  };
}

function headSizeOf({ width, heads, headSize }: ModelShape): number {
  return headSize ?? (heads === 0 ? 0 : width / heads);
}
