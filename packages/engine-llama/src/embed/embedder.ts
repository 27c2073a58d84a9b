// Embeds and ranks in a separate context, one text at a time. The context is created for the first text, so that only
// models that embed spend its memory.
import type { Embedder, TextPiece } from "@waggle/engine";
import { estimateMemory } from "@waggle/models/memory";
import type { GgufHeader, ModelUse } from "@waggle/models/header";
import { WaggleError } from "@waggle/protocol";
import type { LlamaContext, LlamaContextSequence, Token as LlamaToken } from "node-llama-cpp";
import type { LoraAdapters } from "../load/lora.ts";
import { memorySettingsOf } from "../load/context.ts";
import { createEmbedTokenizer, type EmbedTokenizerOptions } from "./embed-tokens.ts";

export interface EmbedderOptions extends EmbedTokenizerOptions {
  readonly header: GgufHeader;
  readonly use: ModelUse;
  /** Most tokens in a text, if its pieces are small enough. */
  readonly maxTokens: number;
  /** Most tokens in a piece; reduced where the vocabulary is large. */
  readonly batchSize: number;
  readonly threads: number;
  readonly adapters: LoraAdapters;
}

export interface LlamaEmbedder extends Embedder {
  close(): Promise<void>;
}

/**
 * The library's context for vectors. Its public interface takes whole texts only, so this internal one is used; it is
 * stable in a pinned version.
 */
interface TextContext {
  readonly _sequence: LlamaContextSequence;
  readonly _llamaContext: LlamaContext & {
    readonly _ctx: { getEmbedding(tokens: number, most?: number): Float64Array };
  };
  dispose(): Promise<void>;
}

/** Most bytes of logits: llama.cpp computes the logits of every token of a text to embed. */
const outputBytes = 64 * 2 ** 20;
const leastBatch = 64;
const bytesPerLogit = 4;
/** @returns undefined where the model computes no vectors */
export function createEmbedder(options: EmbedderOptions): LlamaEmbedder | undefined {
  const { model, use, threads } = options;
  const { fileInfo, fileInsights, embeddingVectorSize } = model;
  if (fileInsights.hasEncoder && fileInsights.hasDecoder) return undefined;
  const { mustBeWhole } = use;
  const ranks = use.kind === "rerank";
  const vocabularySize = fileInfo.metadata.tokenizer.ggml.tokens.length;
  const bearable = Math.max(
    leastBatch,
    Math.floor(outputBytes / (bytesPerLogit * (vocabularySize + embeddingVectorSize))),
  );
  const batchSize = Math.min(options.batchSize, options.maxTokens, mustBeWhole ? Infinity : bearable);
  const maxTokens = Math.min(options.maxTokens, mustBeWhole ? batchSize : Infinity);
  let opened: TextContext | undefined;

  async function open(): Promise<TextContext> {
    if (opened !== undefined) return opened;
    await checkMemory(options, maxTokens, batchSize);
    try {
      // One more token, because the library keeps the last cell of a context free.
      const size = { contextSize: maxTokens + 1, batchSize, threads };
      const context = ranks ? await model.createRankingContext(size) : await model.createEmbeddingContext(size);
      opened = context as unknown as TextContext;
      options.adapters.apply(opened._llamaContext);
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
      // The contents of the context are unknown after an error.
      await close();
      throw error;
    }

    /** The library reads the vector of its first sequence only, so several texts cannot share a pass. */
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

/** Checked here, because the library's check accepts contexts that then exhaust the memory of the whole machine. */
async function checkMemory({ model, header }: EmbedderOptions, contextSize: number, batchSize: number): Promise<void> {
  const flashAttention = model.flashAttentionSupported;
  const settings = { slots: 1, contextSize, batchSize, ...memorySettingsOf(model), flashAttention };
  const { context } = estimateMemory(header, settings, { kind: "embed" });
  const { free } = await model.llama.getVramState();
  if (context.host > process.availableMemory() || context.gpu > free) throw noMemory(contextSize);
}

function noMemory(maxTokens: number, cause?: unknown): WaggleError {
  return new WaggleError(
    "resource_exhausted",
    `Cannot embed: not enough memory for another context of ${maxTokens} tokens.`,
    { cause },
  );
}

/** Scales the vector to length 1, so that the product of two vectors is the cosine between them. */
function normalise(vector: readonly number[]): number[] {
  const length = Math.hypot(...vector);
  return vector.map((value) => (length === 0 ? 0 : value / length));
}

/** The logit of a probability in single precision, which may have been rounded to 0 or 1. */
function logitOf(probability: number): number {
  const nearest = 2 ** -24;
  const held = Math.min(1 - nearest, Math.max(nearest, probability));
  return Math.log(held / (1 - held));
}
