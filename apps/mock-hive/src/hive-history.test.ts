// Tests what a hive remembers of its workers: sums, peaks, and quantiles of all workers' values.
import { setImmediate as nextTurn } from "node:timers/promises";
import { HiveHistorySchema, historyIntervalMs, historyPointsLimit, latencyBucketOf, latencyOf } from "@waggle/protocol";
import type { Heartbeat, HiveHistory, Latency, WorkerLoad } from "@waggle/protocol";
import { createFakeClock } from "@waggle/testing";
import { expect, it } from "vitest";
import { createHiveHistory, singlePointsLimit } from "./hive-history.ts";

const began = "2026-01-01T10:00:00.000Z";

const measured = (ms: number, count: number): Latency | undefined => latencyOf({ [latencyBucketOf(ms)]: count });

function load(changes: Partial<WorkerLoad> = {}): WorkerLoad {
  return {
    started_at: began,
    requests: { accepted: 0, refused: 0 },
    jobs: { finished: 0, failed: 0, cancelled: 0 },
    engine: { starts: 1, deaths: 0 },
    tokens: 0,
    cpu: { cores: 2, busy: 0.5 },
    memory: { worker_bytes: 1e9, engine_bytes: 2e9, free_bytes: 4e9, total_bytes: 8e9 },
    ...changes,
  };
}

function start(ids: readonly string[] = ["a", "b"]) {
  const clock = createFakeClock();
  const zero = clock.now();
  const dead = new Set<string>();
  const gone = new Set<string>();
  const history = createHiveHistory({
    clock,
    wallClock: () => Date.parse(began) + clock.now() - zero,
    workers: () =>
      ids
        .filter((id) => !gone.has(id))
        .map((id) => ({ worker_id: id, liveness: dead.has(id) ? ("stale" as const) : ("alive" as const) })),
  });
  const beat = (id: string, busy: number, rate: number, changes: Partial<WorkerLoad> = {}): void => {
    const heartbeat: Heartbeat = {
      ...{ worker_id: id, url: "http://127.0.0.1:1", model: "m", state: "ready", version: "0", seq: 0 },
      ...{ slots: { total: 8, busy }, queue: { depth: 2 * busy, capacity: 64 }, timestamp: began },
      ...{ health_status: "healthy", tokens_per_second: rate, load: load(changes) },
    };
    history.follow({ type: "heartbeat", at: began, heartbeat });
  };
  const since = async (filter: Parameters<typeof history.since>[0] = {}): Promise<HiveHistory> =>
    HiveHistorySchema.parse(await history.since(filter));
  return { clock, history, beat, since, dead, gone };
}

it("adds up the workers' values, and shows a short peak and mean rates", async () => {
  const { clock, beat, since } = start();
  beat("a", 1, 10, { requests: { accepted: 100, refused: 0 } });
  beat("b", 1, 5);
  clock.advance(5_000);
  beat("a", 4, 30, { requests: { accepted: 103, refused: 0 }, jobs: { finished: 0, failed: 1, cancelled: 0 } });
  beat("a", 1, 20, { requests: { accepted: 104, refused: 0 }, jobs: { finished: 0, failed: 1, cancelled: 0 } });
  clock.advance(5_000);
  const { points, now } = await since();
  expect(now).toBeUndefined();
  expect(points).toEqual([
    {
      ...{ at: "2026-01-01T10:00:10.000Z", span_ms: 10_000, tokens_per_second: 25, running: 5, waiting: 10 },
      ...{ accepted: 4, errors: 1, cpu: { mean: 0.5, most: 0.5 }, memory: { used_bytes: 6e9, free_bytes: 4e9 } },
    },
  ]);
  expect((await since({ workerId: "b" })).points).toMatchObject([{ running: 1, tokens_per_second: 5, accepted: 0 }]);
  // Without a heartbeat, the last values are valid; a peak is not repeated.
  clock.advance(2_000);
  expect((await since({ after: Date.parse(points[0]?.at ?? "") })).points).toEqual([]);
  expect((await since()).now).toMatchObject({ span_ms: 2_000, running: 2, tokens_per_second: 25, accepted: 0 });
});

it("computes quantiles from all workers' buckets, not from their quantiles", async () => {
  const { clock, beat, since } = start();
  const [quick, slow] = [measured(10, 98), measured(1_000, 2)];
  beat("a", 1, 1, quick && { ttft: quick });
  beat("b", 1, 1, slow && { ttft: slow });
  clock.advance(10_000);
  const [point] = (await since()).points;
  expect(point?.ttft?.count).toBe(100);
  // The mean of the workers' p50 is 500 ms, the largest p95 1 s.
  expect(Math.abs((point?.ttft?.p50_ms ?? 0) / 10 - 1)).toBeLessThan(0.2);
  expect(Math.abs((point?.ttft?.p95_ms ?? 0) / 10 - 1)).toBeLessThan(0.2);
  expect((await since({ workerId: "b" })).points[0]?.ttft?.p50_ms).toBe(slow?.p50_ms);
  clock.advance(10_000);
  expect((await since()).points[1]?.ttft).toBeUndefined();
});

it("counts on after a restart of a worker, and leaves out workers that are late", async () => {
  const { clock, beat, since, dead, gone } = start();
  beat("a", 1, 1, { requests: { accepted: 50, refused: 0 } });
  clock.advance(10_000);
  beat("a", 1, 1, { started_at: "2026-01-01T10:00:11.000Z", requests: { accepted: 3, refused: 0 } });
  clock.advance(10_000);
  expect((await since()).points.map(({ accepted }) => accepted)).toEqual([0, 3]);
  dead.add("a");
  clock.advance(10_000);
  const [late] = (await since()).points.slice(-1);
  expect(late).toMatchObject({ running: 0, tokens_per_second: 0 });
  expect(late).not.toHaveProperty("cpu");
  gone.add("a");
  clock.advance(10_000);
  expect(await since({ workerId: "a" })).toEqual({ points: [] });
  expect((await since()).points).toHaveLength(4);
});

it("keeps an hour of all workers together, and less of each where there are many", async () => {
  const ids = Array.from({ length: 200 }, (_, i) => `w${i}`);
  const { clock, history, beat, since } = start(ids);
  for (const id of ids) beat(id, 1, 1);
  for (let i = 0; i < historyPointsLimit + 2; i++) {
    clock.advance(historyIntervalMs);
    await nextTurn();
  }
  expect((await since()).points).toHaveLength(historyPointsLimit);
  expect((await since({ workerId: "w0" })).points).toHaveLength(singlePointsLimit / ids.length);
  history.close();
  expect(clock.pending).toBe(0);
});
