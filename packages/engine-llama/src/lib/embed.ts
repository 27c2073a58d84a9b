// Owns embedding and ranking: a context of their own for one text at a time, made when the first one comes, so that its memory is spent by
// those only who embed.
import type { Embedder, TextPiece } from "@waggle/engine";
import { estimateMemory } from "@waggle/fit";
import type { GgufHeader, ModelUse } from "@waggle/gguf";
import { WaggleError } from "@waggle/protocol";
import type { LlamaContext, LlamaContextSequence, Token as LlamaToken } from "node-llama-cpp";
import type { LoraAdapters } from "./lora.ts";
import { memorySettingsOf } from "./memory-settings.ts";
import { createTextTokenizer, type TextTokenizerOptions } from "./text-tokens.ts";

export interface EmbedderOptions extends TextTokenizerOptions {
  readonly header: GgufHeader;
  readonly use: ModelUse;
  /** Most tokens of a text, where pieces of it are small enough. */
  readonly maxTokens: number;
  /** Most tokens of a piece; less where the vocabulary is large. */
  readonly batchSize: number;
  readonly threads: number;
  readonly adapters: LoraAdapters;
}

export interface LlamaEmbedder extends Embedder {
  close(): Promise<void>;
}

/** A context of the library's own for vectors; it offers whole texts only. Internal, and stable in a version that is pinned. */
interface TextContext {
  readonly _sequence: LlamaContextSequence;
  readonly _llamaContext: LlamaContext & {
    readonly _ctx: { getEmbedding(tokens: number, most?: number): Float64Array };
  };
  dispose(): Promise<void>;
}

/** llama.cpp computes the logits of every token of a text to embed: so much may they take. */
const outputBytes = 64 * 2 ** 20;
const leastBatch = 64;
const bytesPerLogit = 4;
/** Undefined where the model has no vectors to give. */
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
      // One token more: the library keeps the last place of a context free.
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
      // Nobody knows what it holds now.
      await close();
      throw error;
    }

    /** The library reads that of its first sequence only, so several texts cannot share a pass. */
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
    tokenize: createTextTokenizer({ ...options, maxTokens }),
    feed,
    close,
  };
}

/** Looked at before: the library's own check lets through what then takes the whole machine with it. */
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
    `Cannot embed: memory does not suffice for another context of ${maxTokens} tokens.`,
    { cause },
  );
}

/** To length 1, so that the product of two vectors is the cosine between them. */
function normalise(vector: readonly number[]): number[] {
  const length = Math.hypot(...vector);
  return vector.map((value) => (length === 0 ? 0 : value / length));
}

/** Of a probability in single precision, which may have come to 0 or 1. */
function logitOf(probability: number): number {
  const nearest = 2 ** -24;
  const held = Math.min(1 - nearest, Math.max(nearest, probability));
  return Math.log(held / (1 - held));
}
