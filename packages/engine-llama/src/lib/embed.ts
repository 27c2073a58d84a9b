// Owns embeddings: a context of their own for one text at a time, made when the first one comes, so that its memory is spent by those only
// who embed.
import type { Embedder, TextPiece, Token } from "@waggle/engine";
import { WaggleError } from "@waggle/protocol";
import {
  LlamaVocabularyType,
  type LlamaContextSequence,
  type LlamaEmbeddingContext,
  type LlamaModel,
  type Token as LlamaToken,
} from "node-llama-cpp";

export interface EmbedderOptions {
  readonly model: LlamaModel;
  /** Most tokens of a text, and one more. */
  readonly contextSize: number;
  /** Most tokens of a piece; less where the vocabulary is large. */
  readonly batchSize: number;
  readonly threads: number;
  readonly tokenizeText: (text: string, addSpecial: boolean, parseSpecial: boolean) => Promise<Token[]>;
}

export interface LlamaEmbedder extends Embedder {
  close(): Promise<void>;
}

/** What the library's embedding context is made of; it offers whole texts only. Internal, and stable in a version that is pinned. */
interface Internals {
  readonly _sequence: LlamaContextSequence;
  readonly _llamaContext: { readonly _ctx: { getEmbedding(tokens: number): Float64Array } };
}

/** `pooling_type` in GGUF metadata (llama.h). */
const pooling = { mean: 1, cls: 2, rank: 4 } as const;
/** llama.cpp computes the logits of every token of a text to embed: so much may they take. */
const outputBytes = 64 * 2 ** 20;
const leastBatch = 64;
const bytesPerLogit = 4;

/** Undefined where the model has no vectors to give. */
export function createEmbedder(options: EmbedderOptions): LlamaEmbedder | undefined {
  const { model, contextSize, threads, tokenizeText } = options;
  const { fileInfo, fileInsights, embeddingVectorSize: width } = model;
  const { pooling_type: poolingType } = fileInfo.architectureMetadata;
  if ((fileInsights.hasEncoder && fileInsights.hasDecoder) || poolingType === pooling.rank) return undefined;
  // These look at all tokens of a text at once; otherwise the vector is the last token's, which knows all that came before it.
  const mustBeWhole = poolingType === pooling.mean || poolingType === pooling.cls;
  const vocabularySize = fileInfo.metadata.tokenizer.ggml.tokens.length;
  const bearable = Math.max(leastBatch, Math.floor(outputBytes / (bytesPerLogit * (vocabularySize + width))));
  const batchSize = Math.min(options.batchSize, contextSize, mustBeWhole ? Infinity : bearable);
  let opened: LlamaEmbeddingContext | undefined;

  async function open(): Promise<LlamaEmbeddingContext> {
    if (opened !== undefined) return opened;
    await checkMemory(model, contextSize, batchSize);
    try {
      return (opened = await model.createEmbeddingContext({ contextSize, batchSize, threads }));
    } catch (error) {
      throw noMemory(contextSize, error);
    }
  }

  async function close(): Promise<void> {
    const closing = opened;
    opened = undefined;
    await closing?.dispose();
  }

  async function feed({ tokens, first, last }: TextPiece): Promise<readonly number[] | undefined> {
    const { _sequence: sequence, _llamaContext: context } = (await open()) as unknown as Internals;
    try {
      if (first) await sequence.eraseContextTokenRanges([{ start: 0, end: sequence.nextTokenIndex }]);
      await sequence.evaluateWithoutGeneratingNewTokens(tokens as LlamaToken[]);
      return last ? normalise([...context._ctx.getEmbedding(tokens.length)]) : undefined;
    } catch (error) {
      // Nobody knows what it holds now.
      await close();
      throw error;
    }
  }

  return {
    maxTokens: Math.min(contextSize - 1, mustBeWhole ? batchSize : Infinity),
    maxPieceTokens: batchSize,
    mustBeWhole,
    tokenize: async (text) => withEnds(await tokenizeText(text, true, false), model),
    feed,
    close,
  };
}

/** As the library adds them to a text that it embeds. */
function withEnds(tokens: readonly Token[], { tokens: special, vocabularyType }: LlamaModel): Token[] {
  const wordPieces = vocabularyType === LlamaVocabularyType.wpm;
  const begin = wordPieces || special.shouldPrependBosToken ? special.bos : null;
  const end = wordPieces ? special.sep : special.shouldAppendEosToken ? special.eos : null;
  return [
    ...(begin !== null && tokens[0] !== begin ? [begin] : []),
    ...tokens,
    ...(end !== null && tokens.at(-1) !== end ? [end] : []),
  ];
}

/** Looked at before: the library's own check lets through what then takes the whole machine with it. */
async function checkMemory(model: LlamaModel, contextSize: number, batchSize: number): Promise<void> {
  const { cpuRam, gpuVram } = await model.fileInsights.estimateContextResourceRequirementsV2({
    contextSize,
    sequences: 1,
    batchSize,
    isEmbeddingContext: true,
    modelGpuLayers: model.gpuLayers,
    flashAttention: model.flashAttentionSupported,
  });
  const { free } = await model.llama.getVramState();
  if (cpuRam > process.availableMemory() || gpuVram > free) throw noMemory(contextSize);
}

function noMemory(contextSize: number, cause?: unknown): WaggleError {
  return new WaggleError(
    "resource_exhausted",
    `Cannot embed: memory does not suffice for another context of ${contextSize} tokens.`,
    { cause },
  );
}

/** To length 1, so that the product of two vectors is the cosine between them. */
function normalise(vector: readonly number[]): number[] {
  const length = Math.hypot(...vector);
  return vector.map((value) => (length === 0 ? 0 : value / length));
}
