// Opens the context of the slots, and chooses its size if the user does not. Decision 105.
import {
  contextDefaults,
  createEstimator,
  defaultMemoryShare,
  type ContextSizes,
  type MemorySettings,
} from "@waggle/models/memory";
import { tensorTypeOf, type GgufHeader } from "@waggle/models/header";
import type { LlamaContext, LlamaModel } from "node-llama-cpp";
import type { Addon } from "../passes/addon-decoder.ts";
import { withUnifiedCache } from "../passes/library-context.ts";
import { AddonError } from "../passes/open-decoder.ts";
import { cannotLoad } from "./load-error.ts";
import type { CacheOptions } from "./load-settings.ts";

/** Without flash attention, a page of a cache of half floats holds so many cells of a channel. A stream has whole pages, which are only reserved. */
const cellsInPage = 2_048;

/** With a smaller cache, a model with sliding windows would compute a kept prefix again, while other streams wait. */
const swaFullCache = true;

export interface ContextOptions {
  readonly modelPath: string;
  readonly header: GgufHeader;
  readonly slots: number;
  /** Maximum number of tokens of one job. Undefined: as many as fit. */
  readonly contextSize: number | undefined;
  /** Maximum number of tokens of all jobs together. Undefined: as many as fit. */
  readonly contextPool: number | undefined;
  /** Undefined: each slot has an equal part of the pool. */
  readonly addon: Addon | undefined;
  readonly batchSize: number;
  /** Maximum number of threads of any step. */
  readonly threads: number;
  readonly signal: AbortSignal | undefined;
  readonly cache: CacheOptions;
  /** By default, the form that suits the device. */
  readonly form?: CacheForm | undefined;
}

/** How the slots share the memory of the KV cache. */
export type CacheForm =
  /** Each slot has cells for the longest job. A cell takes memory from its first use until it is freed. */
  | "reserved"
  /** All slots share the cells of one cache. A pass tests each used cell for each row, so this costs speed. */
  | "unified"
  /** Each slot has an equal part. */
  | "separate";

export interface OpenedContext extends ContextSizes {
  readonly context: LlamaContext;
  readonly form: CacheForm;
}

/** @throws WaggleError unavailable if the memory is too small; AddonError if the cache cannot be reserved */
export async function openContext(model: LlamaModel, options: ContextOptions): Promise<OpenedContext> {
  const { slots, batchSize, threads, signal, cache, addon } = options;
  const form = cacheFormOf(model, options);
  const sizes = await sizesFor(model, options, form !== "separate");
  const isInPages = form === "reserved" && !cache.flashAttention;
  const create = async (): Promise<LlamaContext> =>
    await model.createContext({
      contextSize: isInPages ? Math.ceil(sizes.contextSize / cellsInPage) * cellsInPage : sizes.contextSize,
      sequences: slots,
      batchSize,
      threads,
      ...cache,
      swaFullCache,
      // By default, the library makes the context smaller until it fits, without an error.
      failedCreationRemedy: false,
      // The library counts cells for the longest job in each slot, and without a GPU its estimate is rough.
      ignoreMemorySafetyChecks: form !== "separate" || model.llama.gpu === false,
      ...(signal === undefined ? {} : { createSignal: signal }),
    });
  try {
    const context = await (addon === undefined ? create() : shareCache(form, { addon, model, cache, sizes, create }));
    return { context, form, ...sizes };
  } catch (error) {
    // For example, the system does not let a process reserve more memory than it has.
    if (form === "reserved") throw new AddonError(`no cache can be reserved: ${(error as Error).message}`);
    const reason = `cannot create a context for ${slots} ${slots === 1 ? "slot" : "slots"}: ${(error as Error).message}`;
    throw cannotLoad(options.modelPath, reason, error);
  }
}

/** A GPU's memory cannot be reserved without taking it. Without flash attention, a unified cache needs a buffer that grows with the length of all slots. */
function cacheFormOf(
  { fileInsights: { isRecurrent, isHybrid }, gpuLayers }: LlamaModel,
  { addon, cache, form }: ContextOptions,
): CacheForm {
  if (addon === undefined || isRecurrent || isHybrid) return "separate";
  const wanted = form ?? (gpuLayers > 0 ? "unified" : "reserved");
  return wanted === "unified" && !cache.flashAttention ? "separate" : wanted;
}

interface SharedCache {
  readonly addon: Addon;
  readonly model: LlamaModel;
  readonly cache: CacheOptions;
  readonly sizes: ContextSizes;
  readonly create: () => Promise<LlamaContext>;
}

async function shareCache(form: CacheForm, { addon, model, cache, sizes, create }: SharedCache): Promise<LlamaContext> {
  if (form === "unified") return await withUnifiedCache(model.llama, addon, sizes.contextPool, create);
  if (form === "separate") return await create();
  addon.startReserving(!cache.flashAttention);
  try {
    // Reserving ends when the context's decoder is made.
    return await create();
  } catch (error) {
    addon.stopReserving();
    throw error;
  }
}

async function sizesFor(model: LlamaModel, options: ContextOptions, isShared: boolean): Promise<ContextSizes> {
  const { slots, contextSize, contextPool } = options;
  const memory = await contextMemory(model, options, isShared);
  const sizes = contextDefaults({
    ...{ trained: model.trainContextSize, slots, contextSize, contextPool, isShared },
    fits: (size, pool) => fits({ contextSize: size, contextPool: pool }, memory, defaultMemoryShare),
  });
  // The library's check accepts contexts that then exhaust the memory of the whole machine.
  if (sizes === undefined || !fits(sizes, memory)) throw tooLarge(options, sizes);
  return sizes;
}

/** Whether the context that flash attention would have also fits without it. */
export async function fitsPlain(
  model: LlamaModel,
  options: Omit<ContextOptions, "cache" | "addon" | "threads" | "signal">,
): Promise<boolean> {
  const withCache = (flashAttention: boolean): ContextOptions => ({
    ...{ ...options, addon: undefined, threads: 1, signal: undefined },
    cache: { flashAttention },
  });
  try {
    const sizes = await sizesFor(model, withCache(true), true);
    return fits(sizes, await contextMemory(model, withCache(false), true), defaultMemoryShare);
  } catch {
    // The load says why not even flash attention's context fits.
    return false;
  }
}

function tooLarge({ modelPath, slots }: ContextOptions, sizes: ContextSizes | undefined): Error {
  const length =
    sizes === undefined
      ? "even the smallest context"
      : `a context of ${sizes.contextPool} tokens for ${slots === 1 ? "1 slot" : `all ${slots} slots together`} (${sizes.contextSize} for one job)`;
  return cannotLoad(modelPath, `memory does not suffice for ${length}`);
}

async function contextMemory(
  model: LlamaModel,
  { header, slots, batchSize, cache }: ContextOptions,
  isShared: boolean,
): Promise<ContextMemory> {
  const estimate = createEstimator(header);
  const settings = { slots, batchSize, ...memorySettingsOf(model), flashAttention: cache.flashAttention };
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
