// Tests that a history has one point for each interval, up to its limit, and the point in progress.
import { historyIntervalMs, historyPointsLimit, latencyOf } from "@waggle/protocol";
import { createFakeClock } from "@waggle/testing";
import { expect, it } from "vitest";
import { createHistory, takeRegularly } from "./history.ts";
import { createLatencies } from "./latencies.ts";
import { mergePoints } from "./work-history.ts";

const began = Date.parse("2026-01-01T10:00:00.000Z");

function start() {
  const clock = createFakeClock();
  const zero = clock.now();
  let count = 0;
  const history = createHistory({
    clock,
    timeOfDay: () => began + clock.now() - zero,
    read: () => Promise.resolve(count),
    figuresOf: (before: number, after: number) => ({ grown: after - before }),
  });
  return { clock, history, add: (more: number) => void (count += more) };
}

it("each point describes the time since the one before, and the last one the time up to now", async () => {
  const { clock, history, add } = start();
  const timer = takeRegularly(clock, () => void history.take());
  add(3);
  clock.advance(historyIntervalMs);
  add(4);
  clock.advance(2_000);
  const first = { at: "2026-01-01T10:00:10.000Z", span_ms: 10_000, grown: 3 };
  const now = { at: "2026-01-01T10:00:12.000Z", span_ms: 2_000, grown: 4 };
  expect(await history.since()).toEqual({ points: [first], now });
  clock.advance(8_000);
  const second = { at: "2026-01-01T10:00:20.000Z", span_ms: 10_000, grown: 4 };
  expect(await history.since()).toEqual({ points: [first, second] });
  expect(await history.since(Date.parse(first.at))).toEqual({ points: [second] });
  timer.cancel();
  expect(clock.pending).toBe(0);
});

it("merges the points of the day on disk to points of a step", async () => {
  const point = (second: number, more: object) => ({
    at: new Date(began + second * 1_000).toISOString(),
    span_ms: 10_000,
    ...{ tokens_per_second: 0, prompt_tokens_per_second: 0, running: 0, waiting: 0, accepted: 0, errors: {}, ...more },
  });
  const slow = createLatencies();
  const quick = createLatencies();
  slow.observe(30);
  for (let i = 0; i < 99; i++) quick.observe(0.1);
  const points = [
    point(0, { accepted: 9 }),
    point(10, {
      tokens_per_second: 30,
      running: 2,
      errors: { internal: 1 },
      cpu_busy: 0.5,
      ttft: latencyOf(slow.buckets()),
    }),
    point(20, { tokens_per_second: 60, running: 1, errors: { internal: 2 }, ttft: latencyOf(quick.buckets()) }),
    point(70, { accepted: 3, free_memory_bytes: 5 }),
  ];
  const asked: unknown[] = [];
  const day = {
    add: () => {},
    read: (query: object) => {
      asked.push(query);
      return Promise.resolve(points.map((value) => ({ at: Date.parse(value.at), value })));
    },
  };
  const clock = createFakeClock();
  const read = () => Promise.resolve(0);
  const history = createHistory({ clock, read, day, merge: mergePoints, figuresOf: () => ({}) as never });
  const { points: merged, day: kept } = await history.since(undefined, began + 80_000, 60_000);
  expect(asked.at(-1)).toMatchObject({ until: began + 80_000, count: 6 * historyPointsLimit });
  expect(kept).toBe(true);
  expect(merged).toMatchObject([
    { at: points[0]?.at, span_ms: 10_000, accepted: 9 },
    { at: points[2]?.at, span_ms: 20_000, tokens_per_second: 45, running: 2, errors: { internal: 3 }, cpu_busy: 0.5 },
    { at: points[3]?.at, span_ms: 10_000, accepted: 3, free_memory_bytes: 5 },
  ]);
  // One slow request in a hundred is above the 95th percentile of all of them.
  expect(merged[1]?.ttft?.count).toBe(100);
  expect(merged[1]?.ttft?.p95_ms).toBeLessThan(150);
});

it("keeps the points of an hour", async () => {
  const { clock, history, add } = start();
  const timer = takeRegularly(clock, () => void history.take());
  for (let i = 0; i < historyPointsLimit + 5; i++) {
    add(i);
    clock.advance(historyIntervalMs);
  }
  const { points } = await history.since();
  expect([points.length, points[0]?.grown]).toEqual([historyPointsLimit, 5]);
  expect(Date.parse(points.at(-1)?.at ?? "") - Date.parse(points[0]?.at ?? "")).toBe(3_600_000 - historyIntervalMs);
  timer.cancel();
});
