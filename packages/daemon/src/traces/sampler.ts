// Owns the choice of the traces that are taken (https://opentelemetry.io/docs/specs/otel/trace/sdk/, "Built-in samplers").
import type { TraceParent } from "./trace-context.ts";

type RootName = "always_on" | "always_off" | "traceidratio";
export type SamplerName = RootName | `parentbased_${RootName}`;

export type Sampler = (traceId: string, parent: TraceParent | undefined) => boolean;

/** The digits of a trace's id that are compared with the share: 56 random bits by the W3C's recommendation; 52 fit a number. */
const comparedDigits = 13;

/** @param ratio of the samplers that take a share, 0 to 1: of a trace all programs with the same ratio decide the same */
export function createSampler(name: SamplerName, ratio: number): Sampler {
  const bound = ratio * 16 ** comparedDigits;
  const root: Sampler = (traceId) => {
    if (name.endsWith("always_on")) return true;
    return name.endsWith("traceidratio") && Number.parseInt(traceId.slice(-comparedDigits), 16) < bound;
  };
  if (!name.startsWith("parentbased_")) return root;
  return (traceId, parent) => parent?.sampled ?? root(traceId, undefined);
}
