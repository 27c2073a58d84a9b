// Tests the reading of Prometheus text.
import { describe, expect, it } from "vitest";
import { parseMetrics } from "./metrics.ts";

const scrape = `# HELP waggle_jobs_ended_total Accepted jobs that have ended.
# TYPE waggle_jobs_ended_total counter
waggle_jobs_ended_total{outcome="finished",reason="stop"} 3
waggle_jobs_ended_total{outcome="finished",reason="length"} 4
waggle_jobs_ended_total{outcome="failed",reason="a \\"quoted\\", one"} 1
waggle_slots_busy 2
process_resident_memory_bytes 1.28e+8
`;

describe("a scrape", () => {
  const metrics = parseMetrics(scrape);

  it("sums all series of a name, or those with these labels", () => {
    expect(metrics.sum("waggle_jobs_ended_total")).toBe(8);
    expect(metrics.sum("waggle_jobs_ended_total", { outcome: "finished" })).toBe(7);
    expect(metrics.sum("waggle_jobs_ended_total", { outcome: "finished", reason: "stop" })).toBe(3);
    expect(metrics.sum("waggle_jobs_ended_total", { reason: 'a \\"quoted\\", one' })).toBe(1);
  });

  it("reads plain numbers, and nothing as 0", () => {
    expect(metrics.sum("waggle_slots_busy")).toBe(2);
    expect(metrics.sum("process_resident_memory_bytes")).toBe(128_000_000);
    expect(metrics.sum("waggle_slots")).toBe(0);
  });
});
