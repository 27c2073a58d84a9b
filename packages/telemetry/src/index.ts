export type { Latencies, LatencySummary } from "./latencies.ts";
export * from "./logger.ts";
export { createLogRing } from "./log-ring.ts";
export type { LogRing } from "./log-ring.ts";
export type { LogSink } from "./log-sink.ts";
export * from "./metric-table.ts";
export * from "./metrics.ts";
export type { ModelMetrics } from "./model-metrics.ts";
