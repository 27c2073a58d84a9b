// Owns the context: how large it is, and the settings without which llama.cpp would decide for itself.
import { createEstimator } from "@waggle/fit";
import type { GgufHeader } from "@waggle/gguf";
import type { LlamaContext, LlamaModel } from "node-llama-cpp";
import type { BatchDispatch } from "./batch-dispatch.ts";
import { inSlotOrder } from "./batch-order.ts";
import { defaultContextSize, fits, type ContextMemory } from "./context-size.ts";
import { cannotLoad } from "./load-error.ts";
import { memorySettingsOf } from "./memory-settings.ts";
import type { CacheOptions } from "./load-settings.ts";

/** Without it a model with sliding windows computes a kept prefix again, outside of any step. */
const swaFullCache = true;

export interface ContextOptions {
  readonly modelPath: string;
  readonly header: GgufHeader;
  readonly slots: number;
  /** Tokens per slot. */
  readonly contextSize: number | undefined;
  readonly batchSize: number;
  /** The most that any step will use. */
  readonly threads: number;
  readonly dispatch: BatchDispatch;
  readonly signal: AbortSignal | undefined;
  readonly cache: CacheOptions;
}

/** @throws WaggleError unavailable when memory does not suffice */
export async function openContext(
  model: LlamaModel,
  options: ContextOptions,
): Promise<{ context: LlamaContext; contextSize: number }> {
  const { modelPath, slots, batchSize, threads, dispatch, signal, cache } = options;
  const memory = await contextMemory(model, options);
  const contextSize = options.contextSize ?? defaultContextSize(model.trainContextSize, memory);
  // Looked at before: the library's own check lets through what then takes the whole machine with it.
  if (contextSize === undefined || !fits(contextSize, memory)) throw tooLarge(options, contextSize);
  try {
    const context = await model.createContext({
      contextSize,
      sequences: slots,
      batchSize,
      threads,
      ...cache,
      swaFullCache,
      batching: { dispatchSchedule: dispatch.schedule, itemPrioritizationStrategy: inSlotOrder },
      // The default one makes the context smaller until it fits, and tells nobody.
      failedCreationRemedy: false,
      ...(signal === undefined ? {} : { createSignal: signal }),
    });
    return { context, contextSize };
  } catch (error) {
    throw cannotLoad(modelPath, `a context for ${slots} slots cannot be made: ${(error as Error).message}`, error);
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
