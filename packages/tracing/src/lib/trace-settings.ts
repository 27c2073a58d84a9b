// Owns what tracing is told, after OpenTelemetry's variables have been read.
import type { SamplerName } from "./sampler.ts";

export interface TraceSettings {
  /** Where spans are posted to. */
  readonly url: string;
  /** Of each post; they may hold secrets. */
  readonly headers: Readonly<Record<string, string>>;
  /** Of one post. */
  readonly timeoutMs: number;
  /** Longest that a span waits to be sent while there are few. */
  readonly delayMs: number;
  /** Most spans in one post, and most that wait for theirs; beyond that new ones are dropped. */
  readonly batchSize: number;
  readonly queueSize: number;
  readonly sampler: SamplerName;
  /** Of the samplers that take a share: 0 to 1. */
  readonly ratio: number;
  /** What all spans have in common: `service.name` and more. */
  readonly resource: Readonly<Record<string, string>>;
}
