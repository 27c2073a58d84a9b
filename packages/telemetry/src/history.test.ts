// Tests that a history has one point for each interval, up to its limit, and the point in progress.
import { historyIntervalMs, historyPointsLimit } from "@waggle/protocol";
import { createFakeClock } from "@waggle/testing";
import { expect, it } from "vitest";
import { createHistory, takeRegularly } from "./history.ts";

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
