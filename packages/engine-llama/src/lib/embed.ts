// Owns the contexts in which texts are embedded or ranked: one for any text, made when the first one comes, so that its memory is spent by
// those only who embed; and for short texts a few small ones, side by side.
import type { Embedder, TextPiece, Token } from "@waggle/engine";
import { WaggleError } from "@waggle/protocol";
import type { LlamaContextSequence, LlamaModel, Token as LlamaToken } from "node-llama-cpp";
import type { ModelUse } from "./model-kind.ts";
import { createTextTokenizer, type TextTokenizerOptions } from "./text-tokens.ts";

export interface EmbedderOptions extends TextTokenizerOptions {
  readonly use: ModelUse;
  /** Most tokens of a text, where pieces of it are small enough. */
  readonly maxTokens: number;
  /** Most tokens of a piece; less where the vocabulary is large. */
  readonly batchSize: number;
  readonly threads: number;
}

export interface LlamaEmbedder extends Embedder {
  close(): Promise<void>;
}

/** A context of the library's own for vectors; it offers whole texts only. Internal, and stable in a version that is pinned. */
interface TextContext {
  readonly _sequence: LlamaContextSequence;
  readonly _llamaContext: { readonly _ctx: { getEmbedding(tokens: number, most?: number): Float64Array } };
  dispose(): Promise<void>;
}

interface ContextSize {
  /** Tokens of a text. */
  readonly tokens: number;
  readonly batchSize: number;
  readonly threads: number;
}

/** llama.cpp computes the logits of every token of a text to embed: so much may they take. */
const outputBytes = 64 * 2 ** 20;
const leastBatch = 64;
const bytesPerLogit = 4;
/**
 * Short texts are computed side by side, each with one thread. With two threads 300 texts of 16 tokens came to 116 in a second, and in two
 * contexts of one thread each to 292: a pass so short is mostly waiting for the other thread. The library reads the vector of one sequence
 * only, so a batch of several texts is no way.
 */
const shortTokens = 128;
/** Passes run on threads of Node's own pool, which has four. */
const mostLanes = 4;
/** So many at a time are told together. */
const textsPerLane = 4;

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
  // Elsewhere a context has a cache of its own, or a GPU to itself.
  const lanes = use.encoder && model.llama.gpu === false ? Math.min(threads, mostLanes) : 1;
  let main: TextContext | undefined;
  const small: TextContext[] = [];

  async function open(size: ContextSize): Promise<TextContext> {
    await checkMemory(model, size);
    try {
      // One token more: the library keeps the last place of a context free.
      const wanted = { contextSize: size.tokens + 1, batchSize: size.batchSize, threads: size.threads };
      const context = ranks ? await model.createRankingContext(wanted) : await model.createEmbeddingContext(wanted);
      return context as unknown as TextContext;
    } catch (error) {
      throw noMemory(size, error);
    }
  }

  async function close(): Promise<void> {
    const closing = [main, ...small.splice(0)];
    main = undefined;
    for (const context of closing) await context?.dispose();
  }

  async function compute(
    context: TextContext,
    { tokens, first, last }: TextPiece,
  ): Promise<readonly number[] | undefined> {
    const { _sequence: sequence, _llamaContext: library } = context;
    if (first) await sequence.eraseContextTokenRanges([{ start: 0, end: sequence.nextTokenIndex }]);
    await sequence.evaluateWithoutGeneratingNewTokens(tokens as LlamaToken[]);
    if (!last) return undefined;
    if (!ranks) return normalise([...library._ctx.getEmbedding(tokens.length)]);
    const [score = 0] = library._ctx.getEmbedding(tokens.length, 1);
    return [use.ranksByProbability ? logitOf(score) : score];
  }

  /** @throws what computing it threw; nobody knows what the contexts hold then */
  async function guarded<T>(computing: Promise<T>): Promise<T> {
    try {
      return await computing;
    } catch (error) {
      await close();
      throw error;
    }
  }

  async function computeAll(texts: readonly (readonly Token[])[]): Promise<readonly (readonly number[])[]> {
    const tokens = Math.min(shortTokens, maxTokens);
    while (small.length < lanes) small.push(await open({ tokens, batchSize: tokens, threads: 1 }));
    const vectors: (readonly number[])[] = [];
    let next = 0;
    const outcomes = await Promise.allSettled(
      small.map(async (context) => {
        for (let text = texts[next]; text !== undefined; text = texts[next]) {
          const index = next++;
          vectors[index] = (await compute(context, { tokens: text, first: true, last: true })) ?? [];
        }
      }),
    );
    const failed = outcomes.find((outcome) => outcome.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    return vectors;
  }

  return {
    width: ranks ? 1 : embeddingVectorSize,
    maxTokens,
    maxPieceTokens: batchSize,
    mustBeWhole,
    maxTogether: lanes > 1 ? lanes * textsPerLane : 1,
    maxTogetherTokens: Math.min(shortTokens, maxTokens),
    tokenize: createTextTokenizer({ ...options, maxTokens }),
    async feed(piece) {
      main ??= await open({ tokens: maxTokens, batchSize, threads });
      return await guarded(compute(main, piece));
    },
    feedTogether: async (texts) => await guarded(computeAll(texts)),
    close,
  };
}

/** Looked at before: the library's own check lets through what then takes the whole machine with it. */
async function checkMemory(model: LlamaModel, size: ContextSize): Promise<void> {
  const { cpuRam, gpuVram } = await model.fileInsights.estimateContextResourceRequirementsV2({
    contextSize: size.tokens + 1,
    sequences: 1,
    batchSize: size.batchSize,
    isEmbeddingContext: true,
    modelGpuLayers: model.gpuLayers,
    flashAttention: model.flashAttentionSupported,
  });
  const { free } = await model.llama.getVramState();
  if (cpuRam > process.availableMemory() || gpuVram > free) throw noMemory(size);
}

function noMemory({ tokens }: ContextSize, cause?: unknown): WaggleError {
  return new WaggleError(
    "resource_exhausted",
    `Cannot embed: memory does not suffice for another context of ${tokens} tokens.`,
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
