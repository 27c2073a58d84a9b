// Computes the memory needs of a model, and the context size that fits when all models share a budget.
import { statSync } from "node:fs";
import { engineMemory, largestContext } from "@waggle/models/memory";
import type { EngineMemory, EngineSettings } from "@waggle/models/memory";
import { GgufError } from "@waggle/models/header";
import type { GgufHeader } from "@waggle/models/header";
import type { ModelMemory } from "@waggle/protocol";
import type { ModelSettings } from "../../config/model-settings.ts";

/** Share of the budget for contexts without a configured length: the rest is for weights, and for other models. */
const contextShare = 0.5;

export interface MemoryPlan {
  readonly memory: ModelMemory;
  /** Tokens per slot, chosen to fit the budget; undefined: as configured, or chosen by the engine. */
  readonly contextSize: number | undefined;
  /** Memory needs for a given number of tokens per slot. */
  readonly memoryAt: (contextSize: number) => ModelMemory;
}

/**
 * Undefined for a file that the engine cannot load either: the engine's error is more precise.
 * @param budgetBytes of all models; undefined: no limit
 */
export function memoryPlanOf(
  header: GgufHeader,
  settings: ModelSettings,
  budgetBytes: number | undefined,
): MemoryPlan | undefined {
  try {
    return planFor(header, engineSettingsOf(settings), budgetBytes);
  } catch (error) {
    if (error instanceof GgufError || error instanceof RangeError) return undefined;
    throw error;
  }
}

function planFor(header: GgufHeader, settings: EngineSettings, budgetBytes: number | undefined): MemoryPlan {
  const at = (contextSize: number | undefined): EngineMemory => engineMemory(header, { ...settings, contextSize });
  const memoryAt = (contextSize: number | undefined): ModelMemory => modelMemoryOf(at(contextSize));
  if (settings.contextSize !== undefined || budgetBytes === undefined) {
    return { memory: memoryAt(settings.contextSize), contextSize: undefined, memoryAt };
  }
  const usual = at(undefined);
  const most = Math.min(budgetBytes, usual.weights + usual.process + budgetBytes * contextShare);
  if (usual.total <= most) return { memory: modelMemoryOf(usual), contextSize: undefined, memoryAt };
  // GPU memory counts towards the same budget.
  const contextSize = largestContext(header, settings, most);
  // If not even the shortest context fits, the plan has this context, because the error then shows how much memory is missing.
  return { memory: memoryAt(contextSize ?? 1), contextSize, memoryAt };
}

function engineSettingsOf(settings: ModelSettings): EngineSettings {
  const files = settings.lora ?? [];
  return {
    ...settings,
    loraBytes: files.reduce((bytes, { path }) => bytes + (statSync(path, { throwIfNoEntry: false })?.size ?? 0), 0),
  };
}

function modelMemoryOf({ weights, kvCache, compute, process, total }: EngineMemory): ModelMemory {
  return { weights, kv_cache: kvCache, compute, process, total };
}
