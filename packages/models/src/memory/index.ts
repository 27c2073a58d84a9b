export { measureMemoryBandwidth, type Bandwidth, type BandwidthOptions } from "./bandwidth.ts";
export { engineMemory, largestContext, type EngineMemory, type EngineSettings } from "./engine-memory.ts";
export { createEstimator, estimateMemory, type EstimatorOptions, type MemoryEstimate } from "./estimate.ts";
export { engineProcessBytes, largestFit, type Fit, type Wanted } from "./largest-fit.ts";
export { thisMachine, type Gpu, type Machine } from "./machine.ts";
export { renderFitReport } from "./render.ts";
export { fitReport, type FitReport, type FitRow, type FitSource } from "./report.ts";
export type { MemorySettings } from "./settings.ts";
export { bytesPerToken } from "./speed.ts";
