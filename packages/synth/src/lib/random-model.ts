// Owns the making of a model's file, in Q8_0: random weights, the same each time. Of the llama architecture by llama.cpp's names, a recurrent model, or an encoder.
import { encoderMetadata, encoderTensors } from "./encoder-model.ts";
import { gguf, ggufHeader, matrix, vector, type GgufTensor } from "./gguf.ts";
import { createKeystream } from "./keystream.ts";
import { writeModelFile } from "./model-file.ts";
import { makeVocabulary, special } from "./random-vocabulary.ts";
import { recurrentMetadata, recurrentTensors } from "./recurrent-model.ts";
import { tensorPieces } from "./random-weights.ts";
import type { ModelShape } from "./shapes.ts";

/** `llama_ftype` of llama.h. */
const fileTypeQ8 = 7;
const chatTemplate =
  "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}" +
  "{% if add_generation_prompt %}assistant:{% endif %}";

/** Answers with the file's bytes. @throws Error naming the path when it cannot be written; then nothing is left of it */
export function writeRandomModel(shape: ModelShape, path: string): number {
  const { tensors, metadata } = partsOf(shape);
  const general = {
    "general.name": gguf.string(`Random ${shape.name} q8_0`),
    "general.description": gguf.string(`Random weights in the shape of ${shape.like}, for measuring`),
    "general.file_type": gguf.uint32(fileTypeQ8),
    "general.quantization_version": gguf.uint32(2),
  };
  return writeModelFile(path, piecesOf(ggufHeader({ ...metadata, ...general }, tensors), tensors));
}

function partsOf(shape: ModelShape): {
  readonly tensors: readonly GgufTensor[];
  readonly metadata: Readonly<Record<string, Buffer>>;
} {
  const { encoder } = shape;
  if (encoder !== undefined)
    return { tensors: encoderTensors(shape, encoder), metadata: encoderMetadata(shape, encoder) };
  if (shape.recurrent !== true) return { tensors: tensorsOf(shape), metadata: metadataOf(shape, "llama") };
  return { tensors: recurrentTensors(shape), metadata: { ...metadataOf(shape, "mamba"), ...recurrentMetadata(shape) } };
}

function* piecesOf(header: Buffer, tensors: readonly GgufTensor[]): Generator<Buffer, void> {
  yield header;
  const random = createKeystream();
  for (const tensor of tensors) yield* tensorPieces(tensor, random);
}

function metadataOf(shape: ModelShape, architecture: "llama" | "mamba"): Readonly<Record<string, Buffer>> {
  const { pieces, scores, types } = makeVocabulary(shape.vocabulary);
  return {
    "general.architecture": gguf.string(architecture),
    [`${architecture}.context_length`]: gguf.uint32(shape.context),
    [`${architecture}.embedding_length`]: gguf.uint32(shape.width),
    [`${architecture}.block_count`]: gguf.uint32(shape.layers),
    [`${architecture}.feed_forward_length`]: gguf.uint32(shape.feedForward),
    [`${architecture}.attention.head_count`]: gguf.uint32(shape.heads),
    [`${architecture}.attention.head_count_kv`]: gguf.uint32(shape.kvHeads),
    [`${architecture}.attention.layer_norm_rms_epsilon`]: gguf.float32(1e-5),
    [`${architecture}.rope.dimension_count`]: gguf.uint32(shape.heads === 0 ? 0 : shape.width / shape.heads),
    [`${architecture}.rope.freq_base`]: gguf.float32(10_000),
    [`${architecture}.vocab_size`]: gguf.uint32(shape.vocabulary),
    "tokenizer.ggml.model": gguf.string("llama"),
    "tokenizer.ggml.pre": gguf.string("default"),
    "tokenizer.ggml.tokens": gguf.strings(pieces),
    "tokenizer.ggml.scores": gguf.float32s(scores),
    "tokenizer.ggml.token_type": gguf.int32s(types),
    "tokenizer.ggml.bos_token_id": gguf.uint32(special.beginning),
    "tokenizer.ggml.eos_token_id": gguf.uint32(special.end),
    "tokenizer.ggml.unknown_token_id": gguf.uint32(special.unknown),
    "tokenizer.ggml.add_bos_token": gguf.bool(true),
    "tokenizer.ggml.add_eos_token": gguf.bool(false),
    "tokenizer.ggml.add_space_prefix": gguf.bool(true),
    "tokenizer.chat_template": gguf.string(chatTemplate),
  };
}

/** There is no output matrix: llama.cpp takes the embedding where it is absent. */
function tensorsOf({ layers, width, heads, kvHeads, feedForward, vocabulary }: ModelShape): GgufTensor[] {
  const kvWidth = (width / heads) * kvHeads;
  const norm = (name: string): GgufTensor => vector(`${name}.weight`, width);
  return [
    matrix("token_embd.weight", width, vocabulary),
    norm("output_norm"),
    ...Array.from({ length: layers }, (_, layer) => [
      norm(`blk.${layer}.attn_norm`),
      matrix(`blk.${layer}.attn_q.weight`, width, width),
      matrix(`blk.${layer}.attn_k.weight`, width, kvWidth),
      matrix(`blk.${layer}.attn_v.weight`, width, kvWidth),
      matrix(`blk.${layer}.attn_output.weight`, width, width),
      norm(`blk.${layer}.ffn_norm`),
      matrix(`blk.${layer}.ffn_gate.weight`, width, feedForward),
      matrix(`blk.${layer}.ffn_up.weight`, width, feedForward),
      matrix(`blk.${layer}.ffn_down.weight`, feedForward, width),
    ]).flat(),
  ];
}
