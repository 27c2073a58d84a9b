import type { Batch } from "@waggle/protocol";
import { expect, it } from "vitest";
import { batchFacts } from "./batch-facts.ts";

const batch = {
  ...{ id: "batch_1", status: "in_progress", endpoint: "/v1/chat/completions", created_at: 1, errors: null },
  ...{ output_file_id: null, error_file_id: null, metadata: null, paused: false },
  request_counts: { total: 1_000, completed: 440, failed: 10 },
  ...{ lines_per_second: 12.34, estimated_completed_at: 1_045 },
} as Batch;
const paused: Batch = { ...batch, paused: true };

it("a running batch has its lines, rate and time left", () => {
  expect(batchFacts([batch], 1_000_000)).toEqual([["Batch", "450 of 1,000 lines · 12 lines/s · 45 s left"]]);
  expect(batchFacts([paused], 1_000_000)).toEqual([["Batch", "450 of 1,000 lines · paused"]]);
  const young: Batch = { ...batch, lines_per_second: null, estimated_completed_at: null };
  expect(batchFacts([young], 1_000_000)).toEqual([["Batch", "450 of 1,000 lines"]]);
  expect(batchFacts([{ ...young, reason: "No worker." }], 0)).toEqual([["Batch", "450 of 1,000 lines · No worker."]]);
});

it("several batches are one row, and ended ones do not count", () => {
  const last: Batch = { ...batch, estimated_completed_at: 1_050 };
  const words = "1,350 of 3,000 lines · 25 lines/s · 50 s left · 1 paused";
  expect(batchFacts([{ ...batch, status: "completed" }, batch, last, paused], 1_000_000)).toEqual([
    ["3 batches", words],
  ]);
  expect(batchFacts([{ ...batch, status: "failed" }], 0)).toEqual([]);
});
