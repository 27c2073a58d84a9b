export type { SamplerName } from "./sampler.ts";
export { createSpanExporter, type SpanExporter } from "./span-exporter.ts";
export type { TraceSettings } from "./trace-settings.ts";
export { createTraces, type RequestTrace, type Traces } from "./traces.ts";
