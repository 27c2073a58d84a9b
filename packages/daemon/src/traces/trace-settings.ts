// Owns the settings of traces, as OpenTelemetry's variables give them.
import type { SamplerName } from "./sampler.ts";

export interface TraceSettings {
  /** The address to which spans are posted. */
  readonly url: string;
  /** Headers of each request; they may hold secrets. */
  readonly headers: Readonly<Record<string, string>>;
  /** Time limit of one request. */
  readonly timeoutMs: number;
  /** Longest time that spans are collected before a post. */
  readonly delayMs: number;
  /** Largest number of spans in one post, and in the buffer; when the buffer is full, new spans are dropped. */
  readonly batchSize: number;
  readonly queueSize: number;
  readonly sampler: SamplerName;
  /** Ratio of the samplers that record a share of the traces, 0 to 1. */
  readonly ratio: number;
  /** The attributes of all spans: `service.name` and more. */
  readonly resource: Readonly<Record<string, string>>;
}
