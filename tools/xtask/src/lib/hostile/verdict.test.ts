// Each thing that a hostile run has to hold is missed when it does not, and a sound run misses nothing.
import { describe, expect, it } from "vitest";
import { hostileFailures, memoryFigures, type HostileFigures } from "./verdict.ts";

const memory = { max_mib: 200, end_mib: 190, growth: 0.02 };
const control: HostileFigures = {
  kind: "control",
  duration_s: 60,
  streams: 12,
  gap_ms: { p50: 5, p95: 20, max: 80 },
  first_token_ms: { p50: 30, p95: 40, max: 40 },
  failures: [],
  worker: memory,
  engine: memory,
  engine_deaths: 0,
  jobs_left: 0,
  answers: { 200: 900 },
};
const hostile: HostileFigures = { ...control, kind: "hostile", gap_ms: { ...control.gap_ms, max: 580 } };

describe("the verdict", () => {
  it("finds nothing in runs that held", () => {
    expect(hostileFailures(control, hostile)).toEqual([]);
  });

  it.each([
    ["a pause", { gap_ms: { ...control.gap_ms, max: 581 } }, /paused for 581 ms/],
    ["an honest stream that broke", { failures: ["The stream broke"] }, /The stream broke/],
    ["that nothing was measured", { streams: 0 }, /no honest stream/],
    ["a dead engine", { engine_deaths: 1 }, /engine deaths is 1 where 0/],
    ["a job that is left", { jobs_left: 2 }, /jobs left is 2 where 0/],
    ["memory over its bound", { worker: { ...memory, max_mib: 769 } }, /worker held 769 MiB/],
    ["memory that grows on", { engine: { ...memory, end_mib: 500, growth: 0.11 } }, /engine grew by 11 %/],
  ] as const)("finds %s", (_, change, failure) => {
    expect(hostileFailures(control, { ...hostile, ...change }).join()).toMatch(failure);
  });
});

it("tells memory that rises and stays from memory that goes on rising", () => {
  expect(memoryFigures([100, 300, 300, 300, 300, 300, 300, 300])).toMatchObject({ max_mib: 300, growth: 0 });
  expect(memoryFigures([100, 120, 140, 160, 180, 200, 220, 240]).growth).toBeGreaterThan(0.1);
});
