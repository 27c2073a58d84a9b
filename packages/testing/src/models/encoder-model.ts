// Owns the metadata and tensors of a made-up encoder for embeddings or reranking: the bert architecture, with llama.cpp's names.
import { gguf, matrix, singleMatrix, vector, type GgufTensor, tokenType } from "./gguf.ts";
import type { ModelShape } from "./shapes.ts";
import { madeUpWords } from "./vocabulary/made-up-words.ts";

/** `llama_pooling_type` of llama.h. */
const pooling = { embed: 1, rerank: 4 } as const;
type Encoder = NonNullable<ModelShape["encoder"]>;

export function encoderMetadata(shape: ModelShape, encoder: Encoder): Readonly<Record<string, Buffer>> {
  const { pieces, types } = makeWordPieces(shape.vocabulary);
  return {
    "general.architecture": gguf.string("bert"),
    "bert.context_length": gguf.uint32(shape.context),
    "bert.embedding_length": gguf.uint32(shape.width),
    "bert.block_count": gguf.uint32(shape.layers),
    "bert.feed_forward_length": gguf.uint32(shape.feedForward),
    "bert.attention.head_count": gguf.uint32(shape.heads),
    "bert.attention.layer_norm_epsilon": gguf.float32(1e-12),
    "bert.attention.causal": gguf.bool(false),
    "bert.pooling_type": gguf.uint32(pooling[encoder]),
    "tokenizer.ggml.model": gguf.string("bert"),
    "tokenizer.ggml.pre": gguf.string("default"),
    "tokenizer.ggml.tokens": gguf.strings(pieces),
    "tokenizer.ggml.token_type": gguf.int32s(types),
    "tokenizer.ggml.token_type_count": gguf.uint32(2),
    "tokenizer.ggml.bos_token_id": gguf.uint32(wordPieceSpecial.classify),
    "tokenizer.ggml.seperator_token_id": gguf.uint32(wordPieceSpecial.separate),
    "tokenizer.ggml.unknown_token_id": gguf.uint32(wordPieceSpecial.unknown),
    "tokenizer.ggml.padding_token_id": gguf.uint32(wordPieceSpecial.pad),
    "tokenizer.ggml.mask_token_id": gguf.uint32(wordPieceSpecial.mask),
  };
}

export function encoderTensors(shape: ModelShape, encoder: Encoder): GgufTensor[] {
  const { layers, width, feedForward, context } = shape;
  const vocabulary = makeWordPieces(shape.vocabulary).pieces.length;
  const norm = (name: string): GgufTensor[] => [vector(`${name}.weight`, width), vector(`${name}.bias`, width)];
  const linear = (name: string, columns: number, rows: number): GgufTensor[] => [
    matrix(`${name}.weight`, columns, rows),
    vector(`${name}.bias`, rows),
  ];
  return [
    matrix("token_embd.weight", width, vocabulary),
    // In single precision, because llama.cpp adds this tensor without a conversion.
    singleMatrix("token_types.weight", width, 2),
    matrix("position_embd.weight", width, context),
    ...norm("token_embd_norm"),
    ...(encoder === "rerank" ? [...linear("cls", width, width), ...linear("cls.output", width, 1)] : []),
    ...Array.from({ length: layers }, (_, layer) => [
      ...linear(`blk.${layer}.attn_q`, width, width),
      ...linear(`blk.${layer}.attn_k`, width, width),
      ...linear(`blk.${layer}.attn_v`, width, width),
      ...linear(`blk.${layer}.attn_output`, width, width),
      ...norm(`blk.${layer}.attn_output_norm`),
      ...linear(`blk.${layer}.ffn_up`, width, feedForward),
      ...linear(`blk.${layer}.ffn_down`, feedForward, width),
      ...norm(`blk.${layer}.layer_output_norm`),
    ]).flat(),
  ];
}

/** Tokens of the first five pieces. */
const wordPieceSpecial = { pad: 0, unknown: 1, classify: 2, separate: 3, mask: 4 } as const;
const specialPieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
/** Prefix of the pieces that begin a word, in converted files. Pieces without the prefix continue a word. */
const wordStart = "\u2581";
/** Printable characters. The tokenizer looks up lower-case text only. */
const characters = Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index)).filter(
  (character) => character === character.toLowerCase(),
);

/** @throws Error when `size` is too small for the characters */
function makeWordPieces(size: number): { readonly pieces: readonly string[]; readonly types: Int32Array } {
  const pieces = new Set([...specialPieces, ...characters, ...characters.map((character) => wordStart + character)]);
  if (size < pieces.size) throw new Error(`Cannot make a vocabulary of ${size}: it takes at least ${pieces.size}`);
  for (const word of madeUpWords(wordStart)) {
    if (pieces.size === size) break;
    pieces.add(word);
  }
  return {
    pieces: [...pieces],
    types: Int32Array.from({ length: size }, (_, index) =>
      index < specialPieces.length ? tokenType.control : tokenType.normal,
    ),
  };
}
