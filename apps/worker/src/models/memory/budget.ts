// Decides how much memory the models of a worker may take together.
import type { WorkerConfig } from "../../config.ts";
import type { Budget } from "./eviction.ts";

/** Share of the memory that is free when the worker starts; the rest is for other programs. */
const freeShare = 0.8;
/** Time for a few requests. With less, two models in constant use would spend most of the time loading. */
const leastStayMs = 5_000;

type BudgetSettings = Pick<WorkerConfig, "memoryBudgetBytes" | "maxLoadedModels">;

/** A worker with one model has no budget: its engine checks the free memory itself. */
export function budgetOf({ memoryBudgetBytes: given, maxLoadedModels: models }: BudgetSettings, count: number): Budget {
  const usual = count > 1 ? Math.floor(process.availableMemory() * freeShare) : undefined;
  return { bytes: given === 0 ? undefined : (given ?? usual), models, leastStayMs };
}
