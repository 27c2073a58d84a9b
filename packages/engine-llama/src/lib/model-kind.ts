// Owns what a model is for, found in its metadata: writing, embedding texts, or ranking them; and how it reads a text.
import type { ModelKind } from "@waggle/protocol";
import type { LlamaModel } from "node-llama-cpp";

/** `llama_pooling_type` of llama.h: how the vectors of a text's tokens become one. */
const pooling = { mean: 1, cls: 2, last: 3, rank: 4 } as const;

/** Without a decoder: llama.cpp computes them without a cache, all tokens of a text at once (`create_memory` in its llama-model.cpp). */
const encoders: ReadonlySet<string> = new Set([
  ...["bert", "modern-bert", "nomic-bert", "nomic-bert-moe", "neo-bert", "jina-bert-v2", "jina-bert-v3", "eurobert"],
  ...["gemma-embedding", "llama-embed"],
]);
/** They rank by the last token, which knows all before it, and give a probability instead of a logit (`build_pooling` in llama-graph.cpp). */
const lastTokenRankers: ReadonlySet<string> = new Set(["qwen3", "qwen3vl"]);

export interface ModelUse {
  readonly kind: ModelKind;
  /** A text is computed as a whole; otherwise piece by piece. */
  readonly mustBeWhole: boolean;
  /** What it says of a pair is a probability already. */
  readonly ranksByProbability: boolean;
}

/** What the metadata of a loaded model says of it. @throws Error with the reason when it can be used for nothing */
export function modelUseOf({ fileInfo, fileInsights }: Pick<LlamaModel, "fileInfo" | "fileInsights">): ModelUse {
  const { architecture } = fileInfo.metadata.general;
  const { pooling_type: poolingType, attention } = fileInfo.architectureMetadata;
  const encoder = encoders.has(architecture);
  const pools = poolingType === pooling.mean || poolingType === pooling.cls || poolingType === pooling.last;
  const ranksByProbability = lastTokenRankers.has(architecture);
  // Converted rerankers of BERT's family have a classification head and no word about pooling.
  if (poolingType === pooling.rank || (!pools && encoder && fileInsights.supportsRanking)) {
    if (!fileInsights.supportsRanking) throw new Error("a reranker without a classification head");
    return { kind: "rerank", mustBeWhole: !ranksByProbability, ranksByProbability };
  }
  if (encoder && !pools)
    throw new Error("it does not say how the vectors of a text's tokens become one (pooling_type)");
  const causal = !encoder && (attention as { readonly causal?: boolean } | undefined)?.causal !== false;
  const lastKnowsAll = causal && poolingType !== pooling.mean && poolingType !== pooling.cls;
  return { kind: pools ? "embed" : "generate", mustBeWhole: !lastKnowsAll, ranksByProbability };
}
