export { measureMemoryBandwidth } from "./bandwidth.ts";
export { engineMemory, largestContext, type EngineMemory, type EngineSettings } from "./engine-memory.ts";
export { createEstimator, estimateMemory, type MemoryEstimate } from "./estimate.ts";
export { engineProcessBytes, type Wanted } from "./largest-fit.ts";
export { thisMachine, type Gpu, type Machine } from "./machine.ts";
export { renderFitReport } from "./render.ts";
export { fitReport, type FitReport, type FitSource } from "./report.ts";
export { embeddingBatch, type MemorySettings } from "./settings.ts";
