// Decides from the header what a model is for (generating text, embedding, reranking, decisions), and whether it reads a text in pieces.
import { GgufError } from "./gguf-error.ts";
import type { Metadata } from "./metadata.ts";
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

/** Types of decision models that answer with a label, which is text of the vocabulary. The other types need an output head (llama.cpp's server-decision.cpp). */
const labelReaders = ["lev", "nimble", "openjev", "pplx-decider", "lfm2-d1"] as const;

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
  /** Absent for a model that was not trained for decisions. */
  readonly decisions?: DecisionTraining;
}

/** How a model was trained for decisions. Its prompt is the template `systemone`. */
export interface DecisionTraining {
  /** `<architecture>.decision.type` */
  readonly reader: (typeof labelReaders)[number];
  /** `<architecture>.decision.temperature.<key>` by key: `choice`, or `choice.small` for a range of numbers of options. Each is above 0. */
  readonly temperatures: Readonly<Record<string, number>>;
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
  const decisions = decisionsOf(header);
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
  const kind = pools ? "embed" : "generate";
  const forDecisions = kind === "generate" && decisions !== undefined ? { decisions } : {};
  return { kind, mustBeWhole: !lastKnowsAll, ranksByProbability, ...forDecisions };
}

function decisionsOf({
  architecture,
  metadata,
}: Pick<GgufHeader, "architecture" | "metadata">): DecisionTraining | undefined {
  const prefix = `${architecture}.decision.`;
  if (!metadata.keys.includes(`${prefix}type`)) return undefined;
  const type = metadata.string(`${prefix}type`) ?? "";
  const reader = labelReaders.find((name) => name === type);
  if (reader === undefined) {
    const shown = JSON.stringify(type.slice(0, mostTypeChars));
    throw new GgufError(
      `decision models of type ${shown} are not supported, only those that answer with a label; use a model of type ${labelReaders.join(", ")}, or a chat model`,
    );
  }
  if ((metadata.string("tokenizer.chat_template.systemone") ?? "").trim() === "") {
    throw new GgufError(`a decision model of type ${type} without the chat template systemone; use another conversion`);
  }
  const start = `${prefix}temperature.`;
  const keys = metadata.keys.filter((key) => key.startsWith(start));
  const temperatures = keys.map((key) => [key.slice(start.length), temperatureAt(metadata, key)] as const);
  return { reader, temperatures: Object.fromEntries(temperatures) };
}

/** Like llama.cpp, takes a number that is stored as text. */
function temperatureAt(metadata: Metadata, key: string): number {
  const value = metadata.number(key) ?? Number(metadata.string(key));
  if (value > 0 && value < Infinity) return value;
  throw new GgufError(`the temperature ${key} is ${value}, and not above 0; use another conversion`);
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
