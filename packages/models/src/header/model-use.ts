// Decides from the header what a model is for (generating text, embedding, reranking), and whether it reads a text in pieces.
import { GgufError } from "./gguf-error.ts";
import type { GgufHeader } from "./read-header.ts";

/** `llama_pooling_type` of llama.h: how the vectors of a text's tokens become one. */
const pooling = { mean: 1, cls: 2, last: 3, rank: 4 } as const;

/** Architectures that llama.cpp computes without a KV cache, all tokens of a text at once (`create_memory` in its llama-model.cpp). */
const encoders: ReadonlySet<string> = new Set([
  ...["bert", "modern-bert", "nomic-bert", "nomic-bert-moe", "neo-bert", "jina-bert-v2", "jina-bert-v3", "eurobert"],
  ...["gemma-embedding", "llama-embed"],
]);
/** Rerankers that score by the last token and return a probability instead of a logit (`build_pooling` in llama-graph.cpp). */
const lastTokenRankers: ReadonlySet<string> = new Set(["qwen3", "qwen3vl"]);
/** Tokenizers (`tokenizer.ggml.model`) without an end-of-text token unless the file names one. */
const withoutEnd: ReadonlySet<string> = new Set(["no_vocab", "none", "rwkv"]);

/** llama.cpp and the library count tokens in 32 bits with a sign. */
const mostContext = 2 ** 31 - 1;

/** Limits the type that an error shows: a file can have any text. */
const mostTypeChars = 40;

export interface ModelUse {
  readonly kind: "generate" | "embed" | "rerank";
  /** Whether all tokens of a text have to be in one batch. */
  readonly mustBeWhole: boolean;
  /** Whether the model's score of a query and a text is already a probability. */
  readonly ranksByProbability: boolean;
}

/** Whether llama.cpp computes the model without a KV cache, all tokens of a text at once. */
export function isEncoder({ architecture }: Pick<GgufHeader, "architecture">): boolean {
  return encoders.has(architecture);
}

/** Whether the file is a LoRA adapter: it is loaded together with a model. */
export function isLoraAdapter({ metadata }: Pick<GgufHeader, "metadata">): boolean {
  return metadata.string("general.type") === "adapter" && metadata.string("adapter.type") === "lora";
}

/** @throws GgufError with the reason when the model cannot be used */
export function modelUseOf(header: Pick<GgufHeader, "architecture" | "metadata" | "tensors">): ModelUse {
  const { architecture, metadata } = header;
  // Models that need an encoder first, or that read pictures and sounds. llama.cpp loads such models, but cannot embed or generate text.
  if (/^t5|^clip$|^wavtokenizer/.test(architecture)) {
    throw new GgufError(`a model of architecture ${architecture} neither generates text nor embeds it`);
  }
  refuseDecisionModel(header);
  const context = metadata.number(`${architecture}.context_length`) ?? 0;
  if (context > mostContext) {
    throw new GgufError(
      `the file names a context of ${context} tokens, and llama.cpp allows ${mostContext}; download it again`,
    );
  }
  const poolingType = metadata.number(`${architecture}.pooling_type`);
  const encoder = encoders.has(architecture);
  const pools = poolingType === pooling.mean || poolingType === pooling.cls || poolingType === pooling.last;
  const ranksByProbability = lastTokenRankers.has(architecture);
  const ranks = canRank(header);
  // Converted rerankers of the BERT family have a classification head, but no `pooling_type`.
  if (poolingType === pooling.rank || (!pools && encoder && ranks)) {
    if (!ranks) throw new GgufError("a reranker without a classification head");
    return { kind: "rerank", mustBeWhole: !ranksByProbability, ranksByProbability };
  }
  if (encoder && !pools) {
    throw new GgufError("the file does not say how to pool the tokens' vectors into one (pooling_type)");
  }
  const causal = !encoder && metadata.boolean(`${architecture}.attention.causal`) !== false;
  const lastKnowsAll = causal && poolingType !== pooling.mean && poolingType !== pooling.cls;
  return { kind: pools ? "embed" : "generate", mustBeWhole: !lastKnowsAll, ranksByProbability };
}

/**
 * Such a model was trained on prompts of another kind (llama.cpp's server-decision.cpp), and answers those for chat models wrongly.
 * @throws GgufError
 */
function refuseDecisionModel({ architecture, metadata }: Pick<GgufHeader, "architecture" | "metadata">): void {
  const key = `${architecture}.decision.type`;
  if (!metadata.keys.includes(key)) return;
  const type = JSON.stringify((metadata.string(key) ?? "").slice(0, mostTypeChars));
  throw new GgufError(`models that were trained for decisions (type ${type}) are not supported; use a chat model`);
}

/** Whether the model has a classification head, and a template or token that separates the query from the text. */
function canRank({ metadata, tensors }: Pick<GgufHeader, "metadata" | "tensors">): boolean {
  if (!tensors.some(({ name }) => name === "cls.weight" || name === "cls.output.weight")) return false;
  const template = metadata.string("tokenizer.chat_template.rerank");
  if (template?.includes("{query}") === true && template.includes("{document}")) return true;
  const named = ["seperator_token_id", "eos_token_id"].some(
    (key) => metadata.number(`tokenizer.ggml.${key}`) !== undefined,
  );
  return named || !withoutEnd.has(metadata.string("tokenizer.ggml.model") ?? "");
}
