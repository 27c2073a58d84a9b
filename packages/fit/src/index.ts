export { createEstimator, estimateMemory, type MemoryEstimate } from "./lib/estimate.ts";
export type { MemorySettings } from "./lib/settings.ts";
