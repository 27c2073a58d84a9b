export type { SamplerName } from "./lib/sampler.ts";
export { createSpanExporter, type SpanExporter } from "./lib/span-exporter.ts";
export type { TraceSettings } from "./lib/trace-settings.ts";
export { createTraces, type RequestTrace, type Traces } from "./lib/traces.ts";
