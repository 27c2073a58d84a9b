// Opens the context of the slots, and chooses its size if the user does not.
import {
  contextDefaults,
  createEstimator,
  defaultMemoryShare,
  type ContextSizes,
  type MemorySettings,
} from "@waggle/models/memory";
import { tensorTypeOf, type GgufHeader } from "@waggle/models/header";
import type { LlamaContext, LlamaModel } from "node-llama-cpp";
import { cannotLoad } from "./load-error.ts";
import type { CacheOptions } from "./load-settings.ts";

/** With a smaller cache, a model with sliding windows would compute a kept prefix again, while other streams wait. */
const swaFullCache = true;

export interface ContextOptions {
  readonly modelPath: string;
  readonly header: GgufHeader;
  readonly slots: number;
  /** Most tokens of one job. Undefined: as many as fit. */
  readonly contextSize: number | undefined;
  /** Most tokens of all jobs together. Undefined: as many as fit. */
  readonly contextPool: number | undefined;
  /** Whether a slot may hold more than its part of the pool. The library's binding gives each slot a part of equal size. */
  readonly isShared: boolean;
  readonly batchSize: number;
  /** Maximum number of threads of any step. */
  readonly threads: number;
  readonly signal: AbortSignal | undefined;
  readonly cache: CacheOptions;
}

/** @throws WaggleError unavailable if the memory is too small */
export async function openContext(
  model: LlamaModel,
  options: ContextOptions,
): Promise<ContextSizes & { readonly context: LlamaContext }> {
  const { modelPath, slots, isShared, batchSize, threads, signal, cache } = options;
  const memory = await contextMemory(model, options);
  const sizes = contextDefaults({
    trained: model.trainContextSize,
    slots,
    contextSize: options.contextSize,
    contextPool: options.contextPool,
    isShared,
    fits: (contextSize, contextPool) => fits({ contextSize, contextPool }, memory, defaultMemoryShare),
  });
  // The library's check accepts contexts that then exhaust the memory of the whole machine.
  if (sizes === undefined || !fits(sizes, memory)) throw tooLarge(options, sizes);
  const { contextSize } = sizes;
  try {
    const context = await model.createContext({
      contextSize,
      sequences: slots,
      batchSize,
      threads,
      ...cache,
      swaFullCache,
      // By default, the library makes the context smaller until it fits, without an error.
      failedCreationRemedy: false,
      ...(signal === undefined ? {} : { createSignal: signal }),
    });
    return { context, ...sizes };
  } catch (error) {
    throw cannotLoad(modelPath, `cannot create a context for ${slots} slots: ${(error as Error).message}`, error);
  }
}

function tooLarge({ modelPath, slots }: ContextOptions, sizes: ContextSizes | undefined): Error {
  const length =
    sizes === undefined
      ? "even the smallest context"
      : `a context of ${sizes.contextPool} tokens for all ${slots} slots together (${sizes.contextSize} for one job)`;
  return cannotLoad(modelPath, `memory does not suffice for ${length}`);
}

async function contextMemory(model: LlamaModel, options: ContextOptions): Promise<ContextMemory> {
  const { header, slots, isShared, batchSize, cache } = options;
  const estimate = createEstimator(header);
  const settings = { slots, batchSize, ...memorySettingsOf(model), flashAttention: cache.flashAttention === true };
  return {
    free: { host: process.availableMemory(), gpu: (await model.llama.getVramState()).free },
    takenBy: ({ contextSize, contextPool }) =>
      estimate({ ...settings, contextSize, contextPool: isShared ? contextPool : undefined }).context,
  };
}

type ContextSettings = Pick<MemorySettings, "gpuLayers" | "cacheTypeK" | "cacheTypeV">;

export function memorySettingsOf(model: LlamaModel): ContextSettings {
  return {
    gpuLayers: model.gpuLayers,
    cacheTypeK: tensorTypeOf(model.defaultContextKvCacheKeyType)?.name,
    cacheTypeV: tensorTypeOf(model.defaultContextKvCacheValueType)?.name,
  };
}

export interface Bytes {
  readonly host: number;
  readonly gpu: number;
}

export interface ContextMemory {
  readonly free: Bytes;
  /** Memory of all slots and their compute buffers. */
  readonly takenBy: (sizes: ContextSizes) => Bytes;
}

export function fits(sizes: ContextSizes, { free, takenBy }: ContextMemory, share = 1): boolean {
  const { host, gpu } = takenBy(sizes);
  return host <= free.host * share && gpu <= free.gpu * share;
}
