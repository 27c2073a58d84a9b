export { measureMemoryBandwidth, type Bandwidth, type BandwidthOptions } from "./lib/bandwidth.ts";
export { engineMemory, largestContext, type EngineMemory, type EngineSettings } from "./lib/engine-memory.ts";
export { createEstimator, estimateMemory, type EstimatorOptions, type MemoryEstimate } from "./lib/estimate.ts";
export { engineProcessBytes, largestFit, type Fit, type Wanted } from "./lib/largest-fit.ts";
export { thisMachine, type Gpu, type Machine } from "./lib/machine.ts";
export { renderFitReport } from "./lib/render.ts";
export { fitReport, type FitReport, type FitRow, type FitSource } from "./lib/report.ts";
export type { MemorySettings } from "./lib/settings.ts";
export { bytesPerToken } from "./lib/speed.ts";
