// Opens the context of the slots, and chooses its size if the user does not.
import { createEstimator, type MemorySettings } from "@waggle/models/memory";
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
  /** Tokens per slot. Undefined: as many as fit. */
  readonly contextSize: number | undefined;
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
): Promise<{ context: LlamaContext; contextSize: number }> {
  const { modelPath, slots, batchSize, threads, signal, cache } = options;
  const memory = await contextMemory(model, options);
  const contextSize = options.contextSize ?? defaultContextSize(model.trainContextSize, memory);
  // The library's check accepts contexts that then exhaust the memory of the whole machine.
  if (contextSize === undefined || !fits(contextSize, memory)) throw tooLarge(options, contextSize);
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
    return { context, contextSize };
  } catch (error) {
    throw cannotLoad(modelPath, `cannot create a context for ${slots} slots: ${(error as Error).message}`, error);
  }
}

function tooLarge({ modelPath, slots }: ContextOptions, contextSize: number | undefined): Error {
  const length = contextSize === undefined ? "even the smallest length" : `${contextSize} tokens`;
  return cannotLoad(modelPath, `memory does not suffice for ${slots} slots of ${length}`);
}

async function contextMemory(model: LlamaModel, options: ContextOptions): Promise<ContextMemory> {
  const { header, slots, batchSize, cache } = options;
  const estimate = createEstimator(header);
  const settings = { slots, batchSize, ...memorySettingsOf(model), flashAttention: cache.flashAttention === true };
  return {
    free: { host: process.availableMemory(), gpu: (await model.llama.getVramState()).free },
    takenBy: (contextSize) => estimate({ ...settings, contextSize }).context,
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

/** Upper limit of the default context size. Users must ask for longer contexts, because a context takes memory even while empty. */
const defaultContextLimit = 8_192;
/** llama.cpp pads contexts to multiples of this. */
const contextStep = 256;
/** Part of the free memory that a context of default size may take. The rest is for the worker and other processes. */
const memoryShare = 0.5;

export interface Bytes {
  readonly host: number;
  readonly gpu: number;
}

export interface ContextMemory {
  readonly free: Bytes;
  /** Memory of all slots and their compute buffers, for this many tokens per slot. */
  readonly takenBy: (contextSize: number) => Bytes;
}

/**
 * Default tokens per slot: the trained size, at most 8,192, reduced until the context of all slots fits into half of the free memory. The number of
 * slots is not reduced: users would not see why their jobs wait for a slot. But if a context is too short for a prompt, the error has both lengths.
 * @returns undefined if not even the smallest context fits
 */
export function defaultContextSize(trained: number, memory: ContextMemory): number | undefined {
  const wanted = Math.min(trained, defaultContextLimit);
  if (fits(wanted, memory, memoryShare)) return wanted;
  for (let size = Math.floor((wanted - 1) / contextStep) * contextStep; size >= contextStep; size -= contextStep) {
    if (fits(size, memory, memoryShare)) return size;
  }
  return undefined;
}

export function fits(contextSize: number, { free, takenBy }: ContextMemory, share = 1): boolean {
  const { host, gpu } = takenBy(contextSize);
  return host <= free.host * share && gpu <= free.gpu * share;
}
