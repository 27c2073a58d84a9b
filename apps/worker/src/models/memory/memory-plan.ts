// Computes how much memory the models of a worker may take together, the memory needs of each, and the context size that fits the budget.
import { engineMemory, fittingMemory } from "@waggle/models/memory";
import type { ContextSizes, EngineMemory, EngineSettings } from "@waggle/models/memory";
import { GgufError } from "@waggle/models/header";
import type { GgufHeader } from "@waggle/models/header";
import type { ModelMemory } from "@waggle/protocol";
import type { WorkerConfig } from "../../config.ts";
import type { MemoryPlan } from "../run/model-host-port.ts";
import type { Budget } from "./eviction.ts";

/** Share of the memory that is free when the worker starts; the rest is for other programs. */
const freeShare = 0.8;
/** Time for a few requests. With less, two models in constant use would spend most of the time loading. */
const leastStayMs = 5_000;
/** Share of the budget for contexts without a configured length: the rest is for weights, and for other models. */
const contextShare = 0.5;

type BudgetSettings = Pick<WorkerConfig, "memoryBudgetBytes" | "maxLoadedModels">;

/** A worker with one model has no budget: its engine checks the free memory itself. */
export function budgetOf({ memoryBudgetBytes: given, maxLoadedModels: models }: BudgetSettings, count: number): Budget {
  const usual = count > 1 ? Math.floor(process.availableMemory() * freeShare) : undefined;
  return { bytes: given === 0 ? undefined : (given ?? usual), models, leastStayMs };
}

/**
 * Undefined for a file that the engine cannot load either: the engine's error is more precise.
 * @param budgetBytes of all models; undefined: no limit
 */
export function memoryPlanOf(
  header: GgufHeader,
  settings: EngineSettings,
  budgetBytes: number | undefined,
): MemoryPlan | undefined {
  try {
    return planFor(header, settings, budgetBytes);
  } catch (error) {
    if (error instanceof GgufError || error instanceof RangeError) return undefined;
    throw error;
  }
}

function planFor(header: GgufHeader, settings: EngineSettings, budgetBytes: number | undefined): MemoryPlan {
  const memoryAt = ({ contextSize, contextPool }: Partial<ContextSizes>): ModelMemory =>
    modelMemoryOf(engineMemory(header, { ...settings, contextSize, contextPool }));
  const usual = engineMemory(header, settings);
  const asIs = { memory: modelMemoryOf(usual), context: undefined, memoryAt };
  if (budgetBytes === undefined) return asIs;
  const most = Math.min(budgetBytes, usual.weights + usual.process + usual.pictures + budgetBytes * contextShare);
  // GPU memory counts towards the same budget.
  const fitting = fittingMemory(header, settings, ({ total }) => total <= most);
  // If not even the shortest context fits, the plan has this context, because the error then shows how much memory is missing.
  if (fitting === undefined) return { ...asIs, memory: memoryAt({ contextSize: 1 }) };
  const { contextSize, contextPool } = fitting;
  if (contextSize === usual.contextSize && contextPool === usual.contextPool) return asIs;
  return { memory: modelMemoryOf(fitting), context: { contextSize, contextPool }, memoryAt };
}

function modelMemoryOf({ weights, kvCache, compute, process, pictures, total }: EngineMemory): ModelMemory {
  return { weights, kv_cache: kvCache, compute, process, ...(pictures === 0 ? {} : { vision: pictures }), total };
}
