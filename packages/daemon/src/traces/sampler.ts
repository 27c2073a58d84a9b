// Decides which traces are recorded (https://opentelemetry.io/docs/specs/otel/trace/sdk/, "Built-in samplers").
import type { TraceParent } from "./trace-context.ts";

type RootName = "always_on" | "always_off" | "traceidratio";
export type SamplerName = RootName | `parentbased_${RootName}`;

export type Sampler = (traceId: string, parent: TraceParent | undefined) => boolean;

/**
 * Number of hex digits of a trace id that are compared with the ratio. The W3C recommends that 56 bits are random. The 13 digits use 52 of these
 * bits, which a JavaScript number holds exactly.
 */
const comparedDigits = 13;

/** @param ratio share of traces that a ratio sampler records, 0 to 1. Programs with the same ratio record the same traces */
export function createSampler(name: SamplerName, ratio: number): Sampler {
  const bound = ratio * 16 ** comparedDigits;
  const root: Sampler = (traceId) => {
    if (name.endsWith("always_on")) return true;
    return name.endsWith("traceidratio") && Number.parseInt(traceId.slice(-comparedDigits), 16) < bound;
  };
  if (!name.startsWith("parentbased_")) return root;
  return (traceId, parent) => parent?.sampled ?? root(traceId, undefined);
}
