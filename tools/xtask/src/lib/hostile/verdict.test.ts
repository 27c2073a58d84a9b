// Each thing that a hostile run has to hold is missed when it does not, and a sound run misses nothing.
import { describe, expect, it } from "vitest";
import { createGapCounts } from "./honest.ts";
import { hostileFailures, memoryFigures, type HostileFigures } from "./verdict.ts";

const memory = { start_mib: 150, max_mib: 200, end_mib: 190, growth: 0.02 };
const control: HostileFigures = {
  kind: "control",
  duration_s: 60,
  streams: 12,
  tokens: 7_200,
  gap_p50_ms: 5,
  gap_p99_ms: 20,
  gap_longest_ms: 80,
  first_token_longest_ms: 40,
  failures: [],
  worker: memory,
  engine: memory,
  engine_starts: 1,
  engine_deaths: 0,
  jobs_left: 0,
  answers: { 200: 900 },
};
const hostile: HostileFigures = { ...control, kind: "hostile", gap_longest_ms: 580 };

describe("the verdict", () => {
  it("finds nothing in runs that held", () => {
    expect(hostileFailures([control, hostile])).toEqual([]);
  });

  it.each([
    ["a pause", { gap_longest_ms: 581 }, /paused for 581 ms/],
    ["an honest stream that broke", { failures: ["The stream broke"] }, /The stream broke/],
    ["that nothing was measured", { streams: 0 }, /no honest stream/],
    ["a dead engine", { engine_deaths: 1 }, /died 1 times/],
    ["a job that is left", { jobs_left: 2 }, /2 jobs were left/],
    ["memory over its bound", { worker: { ...memory, max_mib: 769 } }, /worker held 769 MiB/],
    ["memory that grows on", { engine: { ...memory, end_mib: 500, growth: 0.11 } }, /engine grew by 11 %/],
  ] as const)("finds %s", (_, change, failure) => {
    expect(hostileFailures([control, { ...hostile, ...change }]).join()).toMatch(failure);
  });
});

it("tells memory that rises and stays from memory that goes on rising", () => {
  expect(memoryFigures([100, 300, 300, 300, 300, 300, 300, 300])).toMatchObject({ max_mib: 300, growth: 0 });
  expect(memoryFigures([100, 120, 140, 160, 180, 200, 220, 240]).growth).toBeGreaterThan(0.1);
});

it("counts gaps to a tenth of a millisecond", () => {
  const gaps = createGapCounts();
  for (let ms = 1; ms <= 100; ms += 1) gaps.add(ms + 0.04);
  gaps.add(2_000_000);
  expect([gaps.percentile(0.5), gaps.percentile(0.99), gaps.longestMs]).toEqual([51, 100, 2_000_000]);
});
