// Owns how much memory the models of a worker may take together.
import type { WorkerConfig } from "../config.ts";
import type { Budget } from "./placement.ts";

/** Of what is free when the worker starts: the rest is the neighbours'. */
const freeShare = 0.8;
/** Time enough to answer a few requests; less, and two models that are both in use would do little but load. */
const leastStayMs = 5_000;

type BudgetSettings = Pick<WorkerConfig, "memoryBudgetBytes" | "maxLoadedModels">;

/** A worker of one model has no budget: its engine looks at what is free, as ever. */
export function budgetOf({ memoryBudgetBytes: given, maxLoadedModels: models }: BudgetSettings, specs: number): Budget {
  const usual = specs > 1 ? Math.floor(process.availableMemory() * freeShare) : undefined;
  return { bytes: given === 0 ? undefined : (given ?? usual), models, leastStayMs };
}
