// Shows how heartbeats at any times become values at common times.
import { expect, it } from "vitest";
import { at, load, viewOf, workerOf } from "../testing/workers.ts";
import { seriesOf, spanMs, stepMs, withNow } from "./hive-series.ts";
import type { Sample } from "./hive-view.ts";

const now = Date.parse(at);
const sample = (agoMs: number, changes: Partial<Sample> = {}): Sample => ({
  at: now - agoMs,
  sentAt: now - agoMs,
  busy: 1,
  queued: 0,
  tokensPerSecond: 5,
  load: load(),
  ...changes,
});
const view = (id: string, ...samples: Sample[]) => viewOf(workerOf(id), { samples });

it("all series have one time axis from the first heartbeat on, at least a minute and at most `spanMs` long", () => {
  const secondsOf = (...agoMs: number[]): number => {
    const { times, busy } = seriesOf([view("a", ...agoMs.map((ago) => sample(ago))), view("b")], now);
    expect([times.at(-1), busy.length]).toEqual([now / 1_000, times.length]);
    return (times.at(-1) ?? 0) - (times[0] ?? 0);
  };
  expect([secondsOf(), secondsOf(10_000), secondsOf(123_000, 10_000), secondsOf(2 * spanMs)]).toEqual([
    60,
    60,
    120,
    spanMs / 1_000,
  ]);
  const { busy } = seriesOf([view("a", sample(120_000))], now);
  expect([busy[0], busy.at(-1), busy.length]).toEqual([1, undefined, 120_000 / stepMs + 1]);
});

it("adds up the workers' values, and keeps a value until the next heartbeat is late", () => {
  const { busy, tokensPerSecond } = seriesOf(
    [view("a", sample(20_000)), view("b", sample(21_000), sample(1_000))],
    now,
  );
  expect(busy.slice(-6)).toEqual([undefined, 2, 2, undefined, undefined, 1]);
  expect(tokensPerSecond.at(-1)).toBe(5);
});

it("shows the mean and the slowest of several workers, and their busiest and fullest machines", () => {
  const latency = (ms: number) => ({ p50_ms: ms, p95_ms: 2 * ms, count: 1 });
  const one = sample(0, { load: load({ ttft: latency(10), cpu: { cores: 2, busy: 0.2 } }) });
  const memory = { worker_bytes: 1e9, engine_bytes: 0, free_bytes: 1e9, total_bytes: 8e9 };
  const other = sample(0, { load: load({ ttft: latency(30), cpu: { cores: 2, busy: 0.6 }, memory }) });
  const series = seriesOf([view("a", one), view("b", other)], now);
  expect(series.ttftP50.at(-1)).toBe(20);
  expect(series.ttftP95.at(-1)).toBe(60);
  expect([series.cpuMean.at(-1), series.cpuMost.at(-1)]).toEqual([40, 60]);
  expect([series.memory.at(-1), series.freeMemory.at(-1)]).toEqual([4, 1]);
  expect([series.itlP50.at(-1), series.gpuMemory.at(-1)]).toEqual([undefined, undefined]);
});

it("uses all heartbeats between two points", () => {
  const itl = (ms: number) => load({ itl: { p50_ms: ms, p95_ms: 2 * ms, count: 1 } });
  const { itlP50, itlP95, tokensPerSecond } = seriesOf(
    [
      view(
        "a",
        sample(4_000, { load: itl(10) }),
        sample(3_000, { load: itl(20), tokensPerSecond: 11 }),
        sample(2_000, { tokensPerSecond: 2 }),
      ),
    ],
    now,
  );
  expect([itlP50.at(-1), itlP95.at(-1), tokensPerSecond.at(-1)]).toEqual([15, 40, 6]);
});

it("shows a short peak, and ends with the values of the totals", () => {
  const later = now + 1_500;
  const views = [
    view(
      "a",
      sample(4_000, { busy: 4, queued: 2, tokensPerSecond: 4 }),
      sample(2_000, { busy: 1, queued: 0, tokensPerSecond: 8 }),
      sample(-1_000, { busy: 3, queued: 1, tokensPerSecond: 344 }),
    ),
    view("b", sample(3_000, { busy: 1, tokensPerSecond: 1 })),
  ];
  const past = seriesOf(views, later);
  expect([past.busy.at(-1), past.queued.at(-1), past.tokensPerSecond.at(-1)]).toEqual([5, 2, 7]);
  const series = withNow(past, views, later);
  expect([series.times.at(-1), series.times.length]).toEqual([later / 1_000, past.times.length + 1]);
  expect([series.busy.at(-1), series.queued.at(-1), series.tokensPerSecond.at(-1)]).toEqual([4, 1, 345]);
});

it("computes rates from counts, even across a restart, but no rate from a first heartbeat", () => {
  const counted = (agoMs: number, accepted: number, started_at = at): Sample =>
    sample(agoMs, { load: load({ started_at, requests: { accepted, refused: 0 } }) });
  const { requests } = seriesOf(
    [view("a", counted(15_000, 100), counted(10_000, 110), counted(5_000, 4, "2026-11-20T10:01:00.000Z"))],
    now,
  );
  expect(requests.slice(-4, -1)).toEqual([undefined, 120, 48]);
});
