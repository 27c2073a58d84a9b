// Owns what a model is for, found in its header: writing, embedding texts, or ranking them; and how it reads a text.
import { GgufError } from "./gguf-error.ts";
import type { GgufHeader } from "./read-header.ts";

/** `llama_pooling_type` of llama.h: how the vectors of a text's tokens become one. */
const pooling = { mean: 1, cls: 2, last: 3, rank: 4 } as const;

/** Without a decoder: llama.cpp computes them without a cache, all tokens of a text at once (`create_memory` in its llama-model.cpp). */
const encoders: ReadonlySet<string> = new Set([
  ...["bert", "modern-bert", "nomic-bert", "nomic-bert-moe", "neo-bert", "jina-bert-v2", "jina-bert-v3", "eurobert"],
  ...["gemma-embedding", "llama-embed"],
]);
/** They rank by the last token, which knows all before it, and give a probability instead of a logit (`build_pooling` in llama-graph.cpp). */
const lastTokenRankers: ReadonlySet<string> = new Set(["qwen3", "qwen3vl"]);
/** Architectures whose tokenizers have no token for the end of a text unless the file names one. */
const withoutEnd: ReadonlySet<string> = new Set(["no_vocab", "none", "rwkv"]);

export interface ModelUse {
  readonly kind: "generate" | "embed" | "rerank";
  /** A text is computed as a whole; otherwise piece by piece. */
  readonly mustBeWhole: boolean;
  /** What it says of a pair is a probability already. */
  readonly ranksByProbability: boolean;
}

/** Whether it is computed without a cache, all tokens of a text at once. */
export function isEncoder({ architecture }: Pick<GgufHeader, "architecture">): boolean {
  return encoders.has(architecture);
}

/** Not a model: small changes to the matrices of one, to be loaded with it. */
export function isLoraAdapter({ metadata }: Pick<GgufHeader, "metadata">): boolean {
  return metadata.string("general.type") === "adapter" && metadata.string("adapter.type") === "lora";
}

/** @throws GgufError with the reason when it can be used for nothing */
export function modelUseOf(header: Pick<GgufHeader, "architecture" | "metadata" | "tensors">): ModelUse {
  const { architecture, metadata } = header;
  // Models that need an encoder first, or that take pictures and sounds: llama.cpp loads them and cannot read or continue a text with them.
  if (/^t5|^clip$|^wavtokenizer/.test(architecture)) {
    throw new GgufError(`a model of architecture ${architecture} neither generates text nor embeds it`);
  }
  const poolingType = metadata.number(`${architecture}.pooling_type`);
  const encoder = encoders.has(architecture);
  const pools = poolingType === pooling.mean || poolingType === pooling.cls || poolingType === pooling.last;
  const ranksByProbability = lastTokenRankers.has(architecture);
  const ranks = canRank(header);
  // Converted rerankers of BERT's family have a classification head and no word about pooling.
  if (poolingType === pooling.rank || (!pools && encoder && ranks)) {
    if (!ranks) throw new GgufError("a reranker without a classification head");
    return { kind: "rerank", mustBeWhole: !ranksByProbability, ranksByProbability };
  }
  if (encoder && !pools) {
    throw new GgufError("it does not say how the vectors of a text's tokens become one (pooling_type)");
  }
  const causal = !encoder && metadata.boolean(`${architecture}.attention.causal`) !== false;
  const lastKnowsAll = causal && poolingType !== pooling.mean && poolingType !== pooling.cls;
  return { kind: pools ? "embed" : "generate", mustBeWhole: !lastKnowsAll, ranksByProbability };
}

/** It has a classification head, and something that divides the query from the text. */
function canRank({ metadata, tensors }: Pick<GgufHeader, "metadata" | "tensors">): boolean {
  if (!tensors.some(({ name }) => name === "cls.weight" || name === "cls.output.weight")) return false;
  const template = metadata.string("tokenizer.chat_template.rerank");
  if (template?.includes("{query}") === true && template.includes("{document}")) return true;
  const named = ["seperator_token_id", "eos_token_id"].some(
    (key) => metadata.number(`tokenizer.ggml.${key}`) !== undefined,
  );
  return named || !withoutEnd.has(metadata.string("tokenizer.ggml.model") ?? "");
}
