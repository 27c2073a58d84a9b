// Shows how often events are delivered: the first and the last at once, the events between in batches.
import type { StreamEvent } from "@waggle/protocol";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createEventBatch } from "./event-batch.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const token = (index: number): StreamEvent => ({ type: "token", stream_id: "job", index, text: "a", t_ms: index });
const failed: StreamEvent = { type: "error", stream_id: "job", code: "internal", message: "", retryable: false };

it("delivers the first event at once, the following events in batches, and the last event with the collected events", () => {
  const batches: number[] = [];
  const batch = createEventBatch((events) => batches.push(events.length));
  for (let i = 0; i < 5; i++) batch.add(token(i));
  expect(batches).toEqual([1]);
  vi.advanceTimersByTime(100);
  expect(batches).toEqual([1, 4]);
  batch.add(token(5));
  batch.add(token(6));
  batch.add(failed);
  expect(batches).toEqual([1, 4, 1, 2]);
  vi.advanceTimersByTime(1_000);
  expect(batches).toEqual([1, 4, 1, 2]);
});

it("delivers the collected events on a flush, and no empty batch", () => {
  const batches: number[] = [];
  const batch = createEventBatch((events) => batches.push(events.length));
  batch.add(token(0));
  batch.add(token(1));
  batch.flush();
  batch.flush();
  expect(batches).toEqual([1, 1]);
});

it("delivers at most one batch each 40 ms", () => {
  const batches: number[] = [];
  const batch = createEventBatch((events) => batches.push(events.length));
  for (let i = 0; i < 200; i++) {
    batch.add(token(i));
    vi.advanceTimersByTime(5);
  }
  expect(batches.length).toBeLessThanOrEqual(1_000 / 40 + 1);
  expect(batches.length).toBeGreaterThan(15);
});

it("waits three times as long as a batch took to draw, at most half a second", () => {
  let clock = 0;
  let takesMs = 100;
  const batches: number[] = [];
  const batch = createEventBatch(
    (events) => {
      batches.push(events.length);
      clock += takesMs;
    },
    () => clock,
  );
  batch.add(token(0));
  batch.add(token(1));
  vi.advanceTimersByTime(290);
  expect(batches).toEqual([1]);
  takesMs = 10_000;
  vi.advanceTimersByTime(20);
  expect(batches).toEqual([1, 1]);
  batch.add(token(2));
  vi.advanceTimersByTime(510);
  expect(batches).toEqual([1, 1, 1]);
});
