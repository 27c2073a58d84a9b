// Embeds and ranks texts, one at a time, in a separate context. The context is created for the first text, so that a model which only generates
// needs no memory for this context.
import type { Embedder, TextPiece } from "@waggle/engine";
import { embeddingBatch, estimateMemory, type MemorySettings } from "@waggle/models/memory";
import type { GgufHeader, ModelUse } from "@waggle/models/header";
import { WaggleError } from "@waggle/protocol";
import type { LlamaContext, LlamaContextSequence, Token as LlamaToken } from "node-llama-cpp";
import { createEmbedTokenizer, type EmbedTokenizerOptions } from "./embed-tokens.ts";

export interface EmbedderOptions extends EmbedTokenizerOptions {
  readonly header: GgufHeader;
  readonly use: ModelUse;
  /** Maximum number of tokens of a text. */
  readonly maxTokens: number;
  /** Maximum number of tokens of a piece; reduced for large vocabularies. */
  readonly batchSize: number;
  readonly threads: number;
  readonly memory: Pick<MemorySettings, "gpuLayers" | "cacheTypeK" | "cacheTypeV">;
  /** Sets the scales of the model's adapters, as at load. */
  readonly applyAdapters: (context: LlamaContext) => void;
}

export interface LlamaEmbedder extends Embedder {
  close(): Promise<void>;
}

/** Internals of the library's context for embeddings (3.22.1). Its public interface only accepts whole texts. */
interface TextContext {
  readonly _sequence: LlamaContextSequence;
  readonly _llamaContext: LlamaContext & {
    readonly _ctx: { getEmbedding(tokens: number, most?: number): Float64Array };
  };
  dispose(): Promise<void>;
}

/** @returns undefined if the library cannot embed with the model */
export function createEmbedder(options: EmbedderOptions): LlamaEmbedder | undefined {
  const { model, use, threads } = options;
  const { fileInfo, fileInsights, embeddingVectorSize } = model;
  if (fileInsights.hasEncoder && fileInsights.hasDecoder) return undefined;
  const { mustBeWhole } = use;
  const ranks = use.kind === "rerank";
  const vocabulary = fileInfo.metadata.tokenizer.ggml.tokens.length;
  const most = mustBeWhole ? Infinity : embeddingBatch({ vocabulary, width: embeddingVectorSize });
  const batchSize = Math.min(options.batchSize, options.maxTokens, most);
  const maxTokens = Math.min(options.maxTokens, mustBeWhole ? batchSize : Infinity);
  let opened: TextContext | undefined;

  async function open(): Promise<TextContext> {
    if (opened !== undefined) return opened;
    await checkMemory(options, maxTokens, batchSize);
    try {
      // The library keeps the last cell of a context free.
      const size = { contextSize: maxTokens + 1, batchSize, threads };
      const context = ranks ? await model.createRankingContext(size) : await model.createEmbeddingContext(size);
      opened = context as unknown as TextContext;
      options.applyAdapters(opened._llamaContext);
      return opened;
    } catch (error) {
      throw noMemory(maxTokens, error);
    }
  }

  async function close(): Promise<void> {
    const closing = opened;
    opened = undefined;
    await closing?.dispose();
  }

  async function feed({ tokens, first, last }: TextPiece): Promise<readonly number[] | undefined> {
    const { _sequence: sequence, _llamaContext: library } = await open();
    try {
      if (first) await sequence.eraseContextTokenRanges([{ start: 0, end: sequence.nextTokenIndex }]);
      await sequence.evaluateWithoutGeneratingNewTokens(tokens as LlamaToken[]);
      return last ? resultOf(library) : undefined;
    } catch (error) {
      // After an error, the contents of the context are unknown.
      await close();
      throw error;
    }

    /** Texts cannot share a pass, because the library reads only the vector of the pass's first sequence. */
    function resultOf({ _ctx: context }: TextContext["_llamaContext"]): readonly number[] {
      if (!ranks) return normalise([...context.getEmbedding(tokens.length)]);
      const [score = 0] = context.getEmbedding(tokens.length, 1);
      return [use.ranksByProbability ? logitOf(score) : score];
    }
  }

  return {
    width: ranks ? 1 : embeddingVectorSize,
    maxTokens,
    maxPieceTokens: batchSize,
    mustBeWhole,
    tokenize: createEmbedTokenizer({ ...options, maxTokens }),
    feed,
    close,
  };
}

/** The library's check accepts contexts that then exhaust the memory of the whole machine. */
async function checkMemory(
  { model, header, memory }: EmbedderOptions,
  contextSize: number,
  batchSize: number,
): Promise<void> {
  const flashAttention = model.flashAttentionSupported;
  const settings = { slots: 1, contextSize, batchSize, ...memory, flashAttention };
  const { context } = estimateMemory(header, settings, { kind: "embed" });
  const { free } = await model.llama.getVramState();
  if (context.host > process.availableMemory() || context.gpu > free) throw noMemory(contextSize);
}

function noMemory(maxTokens: number, cause?: unknown): WaggleError {
  return new WaggleError(
    "unavailable",
    `Cannot embed: not enough memory for another context of ${maxTokens} tokens. Retry when memory is free.`,
    { cause },
  );
}

/** Scales the vector to length 1: the dot product of two such vectors is the cosine between them. */
function normalise(vector: readonly number[]): number[] {
  const length = Math.hypot(...vector);
  return vector.map((value) => (length === 0 ? 0 : value / length));
}

/** Logit of a probability in single precision. Probabilities that were rounded to 0 or 1 get a finite logit. */
function logitOf(probability: number): number {
  const nearest = 2 ** -24;
  const held = Math.min(1 - nearest, Math.max(nearest, probability));
  return Math.log(held / (1 - held));
}
