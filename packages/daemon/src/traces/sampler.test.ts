import { expect, test } from "vitest";
import { createSampler } from "./sampler.ts";
import { newTraceId } from "./trace-context.ts";

const parent = (sampled: boolean) => ({ traceId: "", spanId: "", sampled, state: undefined });
const low = `${"0".repeat(31)}1`;
const high = "f".repeat(32);

test.each([
  ["always_on", 0, [true, true, true]],
  ["always_off", 1, [false, false, false]],
  ["traceidratio", 0, [false, false, false]],
  ["traceidratio", 1, [true, true, true]],
  ["parentbased_always_on", 0, [true, true, false]],
  ["parentbased_always_off", 1, [false, true, false]],
  ["parentbased_traceidratio", 0, [false, true, false]],
] as const)(
  "%s with %d, of a trace without a parent, with a sampled one, with one that is not",
  (name, ratio, taken) => {
    const sampler = createSampler(name, ratio);
    expect([sampler(high, undefined), sampler(high, parent(true)), sampler(high, parent(false))]).toEqual(taken);
  },
);

test("a ratio sampler decides by the trace's id, so that all programs record the same traces", () => {
  const sampler = createSampler("traceidratio", 0.25);
  expect([sampler(low, undefined), sampler(high, undefined)]).toEqual([true, false]);
  const taken = Array.from({ length: 4_000 }, newTraceId).filter((id) => sampler(id, undefined)).length;
  expect(taken).toBeGreaterThan(700);
  expect(taken).toBeLessThan(1_300);
});
