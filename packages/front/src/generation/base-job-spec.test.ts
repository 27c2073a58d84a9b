import { describe, expect, test } from "vitest";
import { baseJobSpec } from "./base-job-spec.ts";
import type { SamplingFields } from "./base-job-spec.ts";

const specOf = (fields: SamplingFields) =>
  baseJobSpec(fields, {
    client: "c",
    trace: "t",
    sessionId: undefined,
    deadlineMs: undefined,
    model: "m",
    keepAliveMs: undefined,
  });
const seedOf = (seed?: number | null) => specOf({ seed }).work.sampling.seed;

describe("a seed", () => {
  test.each([undefined, null, -1])("of %j means a random seed", (seed) => {
    expect(seedOf(seed)).toBe(-1);
  });

  test.each([
    [0, 0],
    [2 ** 32 - 1, 2 ** 32 - 1],
    [2 ** 32, 0],
    [2 ** 32 + 7, 7],
    [-2, 2 ** 32 - 2],
    [-(2 ** 32) - 7, 2 ** 32 - 7],
  ])("of %i becomes %i in 32 bits", (seed, folded) => {
    expect(seedOf(seed)).toBe(folded);
  });
});
