// Owns the making of a model's file, of the llama architecture by llama.cpp's names, in Q8_0: random weights, the same each time.
import { aligned, block, gguf, ggufHeader, matrix, vector, type GgufTensor } from "./gguf.ts";
import { createKeystream } from "./keystream.ts";
import { writeModelFile } from "./model-file.ts";
import { makeVocabulary, special } from "./random-vocabulary.ts";
import type { ModelShape } from "./shapes.ts";

/** A multiple of a block's bytes. */
const pieceBytes = block.bytes * 32_768;
/** The standard deviation of a byte that is anything from -128 to 127. */
const byteDeviation = 256 / Math.sqrt(12);
/** `llama_ftype` of llama.h. */
const fileTypeQ8 = 7;
const chatTemplate =
  "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}" +
  "{% if add_generation_prompt %}assistant:{% endif %}";

/** Answers with the file's bytes. @throws Error naming the path when it cannot be written; then nothing is left of it */
export function writeRandomModel(shape: ModelShape, path: string): number {
  const tensors = tensorsOf(shape);
  return writeModelFile(path, piecesOf(ggufHeader(metadataOf(shape), tensors), tensors));
}

function* piecesOf(header: Buffer, tensors: readonly GgufTensor[]): Generator<Buffer, void> {
  yield header;
  const random = createKeystream();
  for (const tensor of tensors) yield* tensorPieces(tensor, random);
}

function metadataOf(shape: ModelShape): Readonly<Record<string, Buffer>> {
  const { pieces, scores, types } = makeVocabulary(shape.vocabulary);
  return {
    "general.architecture": gguf.string("llama"),
    "general.name": gguf.string(`Random ${shape.name} q8_0`),
    "general.description": gguf.string(`Random weights in the shape of ${shape.like}, for measuring`),
    "general.file_type": gguf.uint32(fileTypeQ8),
    "general.quantization_version": gguf.uint32(2),
    "llama.context_length": gguf.uint32(shape.context),
    "llama.embedding_length": gguf.uint32(shape.width),
    "llama.block_count": gguf.uint32(shape.layers),
    "llama.feed_forward_length": gguf.uint32(shape.feedForward),
    "llama.attention.head_count": gguf.uint32(shape.heads),
    "llama.attention.head_count_kv": gguf.uint32(shape.kvHeads),
    "llama.attention.layer_norm_rms_epsilon": gguf.float32(1e-5),
    "llama.rope.dimension_count": gguf.uint32(shape.width / shape.heads),
    "llama.rope.freq_base": gguf.float32(10_000),
    "llama.vocab_size": gguf.uint32(shape.vocabulary),
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

/** The tensor's bytes with its padding: ones for a norm, random bytes under one scale for a matrix. */
function* tensorPieces(
  { type, dimensions, bytes }: GgufTensor,
  random: (bytes: number) => Buffer,
): Generator<Buffer, void> {
  const [columns = 1] = dimensions;
  if (type === "f32") yield Buffer.from(new Float32Array(columns).fill(1).buffer);
  else {
    // Keeps what passes through it at the size it had, so that the logits stay near each other and no token wins always.
    const scale = toHalf(1 / Math.sqrt(columns) / byteDeviation);
    for (let from = 0; from < bytes; from += pieceBytes) {
      const piece = random(Math.min(pieceBytes, bytes - from));
      for (let at = 0; at < piece.length; at += block.bytes) piece.writeUInt16LE(scale, at);
      yield piece;
    }
  }
  yield Buffer.alloc(aligned(bytes) - bytes);
}

/** The bits of the half float below a positive number that a half float holds with all its precision: 2^-14 to 65,504. */
export function toHalf(value: number): number {
  const [bits = 0] = new Uint32Array(Float32Array.of(value).buffer);
  return (bits >>> 13) - (112 << 10);
}
