export { measureMemoryBandwidth } from "./bandwidth.ts";
export { contextDefaults, defaultMemoryShare, textTokens, usualSizes, type ContextSizes } from "./engine-defaults.ts";
export { engineMemory, fittingMemory, type EngineMemory, type EngineSettings } from "./engine-memory.ts";
export { createEstimator, estimateMemory, type MemoryEstimate } from "./estimate.ts";
export { engineProcessBytes, type Wanted } from "./largest-fit.ts";
export { thisMachine, type Gpu, type Machine } from "./machine.ts";
export { renderFitReport } from "./render.ts";
export { fitReport, type FitReport, type FitSource } from "./report.ts";
export { embeddingBatch, sharesContext, type MemorySettings } from "./settings.ts";
