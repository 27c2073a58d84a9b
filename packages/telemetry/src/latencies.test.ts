// Tests that percentiles are near the measured values at every magnitude, and that each window has the values since the window's last read.
import { expect, it } from "vitest";
import { createLatencies } from "./latencies.ts";

it("percentiles are within 3% of the measured values, from 0.1 ms to 100 s", () => {
  for (const unit of [0.000_1, 0.02, 1]) {
    const latencies = createLatencies();
    const summarize = latencies.window();
    for (let i = 1; i <= 100; i += 1) latencies.observe(i * unit);
    const { p50_ms: p50, p95_ms: p95, count } = summarize() ?? { p50_ms: 0, p95_ms: 0, count: 0 };
    expect(count).toBe(100);
    expect(Math.abs(p50 / (50_000 * unit) - 1)).toBeLessThan(0.03);
    expect(Math.abs(p95 / (95_000 * unit) - 1)).toBeLessThan(0.03);
  }
});

it("each read of a window has the values since its previous read, and is undefined without values", () => {
  const latencies = createLatencies();
  const one = latencies.window();
  const other = latencies.window();
  latencies.observe(1);
  expect(one()?.count).toBe(1);
  expect(one()).toBeUndefined();
  latencies.observe(1);
  expect(other()?.count).toBe(2);
});

it("zero, negative and infinite values and NaN are counted", () => {
  const latencies = createLatencies();
  const summarize = latencies.window();
  for (const seconds of [0, -1, Number.NaN, Infinity]) latencies.observe(seconds);
  expect(summarize()?.count).toBe(4);
});
