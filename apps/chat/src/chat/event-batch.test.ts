// Shows how often events are handed on: the first and the last at once, those between together.
import type { StreamEvent } from "@waggle/protocol";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createEventBatch } from "./event-batch.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const token = (index: number): StreamEvent => ({ type: "token", stream_id: "job", index, text: "a", t_ms: index });
const failed: StreamEvent = { type: "error", stream_id: "job", code: "internal", message: "", retryable: false };

it("hands on the first event at once, those that follow together, and the last with what is left", () => {
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

it("hands on what it has when it is told to, and nothing when it has nothing", () => {
  const batches: number[] = [];
  const batch = createEventBatch((events) => batches.push(events.length));
  batch.add(token(0));
  batch.add(token(1));
  batch.flush();
  batch.flush();
  expect(batches).toEqual([1, 1]);
});

it("hands on as often as the eye notices, and not once more for each batch", () => {
  const batches: number[] = [];
  const batch = createEventBatch((events) => batches.push(events.length));
  for (let i = 0; i < 200; i++) {
    batch.add(token(i));
    vi.advanceTimersByTime(5);
  }
  expect(batches.length).toBeLessThanOrEqual(1_000 / 40 + 1);
  expect(batches.length).toBeGreaterThan(15);
});

it("rests three times as long as a batch has taken, and never for long", () => {
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
