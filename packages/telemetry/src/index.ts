export type { Latencies, LatencySummary } from "./lib/latencies.ts";
export * from "./lib/logger.ts";
export { createLogRing } from "./lib/log-ring.ts";
export type { LogRing } from "./lib/log-ring.ts";
export type { LogSink } from "./lib/log-sink.ts";
export * from "./lib/metric-table.ts";
export * from "./lib/metrics.ts";
export type { ModelMetrics } from "./lib/model-metrics.ts";
