// Shows how the hive's events become workers and a timeline, even across a lost connection.
import type { Heartbeat } from "@waggle/protocol";
import { expect, it } from "vitest";
import { at, heartbeatOf, load, workerOf } from "../testing/workers.ts";
import { addHistory, applyHiveEvent, emptyHive, samplesLimit, type HiveView } from "./hive-view.ts";

const worker = workerOf("bee");
const heartbeat = (seq: number, timestamp = at): Heartbeat =>
  heartbeatOf("bee", { slots: { total: 8, busy: 5 }, timestamp, seq, tokens_per_second: 77 });
const now = Date.parse(at) - 5_000;
const happenings = (view: HiveView): string[] => view.timeline.map(({ what }) => what);
const joined = applyHiveEvent(emptyHive, { type: "snapshot", at, workers: [worker] }, now);

it("begins with the hive's list, and computes the difference between the hive's and the browser's clock", () => {
  expect(happenings(joined)).toEqual(["joined"]);
  expect(joined.clockOffsetMs).toBe(5_000);
});

it("lists stale, gone and back, newest first", () => {
  const change = (view: HiveView, liveness: "alive" | "stale" | "gone", was: "alive" | "stale" | "gone"): HiveView =>
    applyHiveEvent(view, { type: "liveness", at, worker_id: "bee", liveness, was }, now);
  const back = change(change(change(joined, "stale", "alive"), "gone", "stale"), "alive", "gone");
  expect(happenings(back)).toEqual(["back", "gone", "stale", "joined"]);
});

it("takes values from heartbeats, and keeps a limited number of heartbeats", () => {
  let view = joined;
  for (let seq = 0; seq < samplesLimit + 5; seq++) {
    view = applyHiveEvent(view, { type: "heartbeat", at, heartbeat: heartbeat(seq) }, now);
  }
  const card = view.workers.get("bee");
  expect(card).toMatchObject({ tokensPerSecond: 77, worker: { slots: { busy: 5 } } });
  expect(card?.samples).toHaveLength(samplesLimit);
});

it("lists the loss of an engine, but not if the worker's process was restarted", () => {
  const beat = (view: HiveView, deaths: number, started_at = at): HiveView =>
    applyHiveEvent(
      view,
      {
        type: "heartbeat",
        at,
        heartbeat: { ...heartbeat(0), load: load({ started_at, engine: { starts: deaths + 1, deaths } }) },
      },
      now,
    );
  const lost = beat(beat(joined, 0), 1);
  expect(happenings(lost)).toEqual(["engine", "joined"]);
  expect(happenings(beat(beat(lost, 0, "2026-11-20T11:00:00.000Z"), 0, "2026-11-20T11:00:00.000Z"))).toHaveLength(2);
});

it("shows a requested drain until the worker drains, and lists a removal", () => {
  const told = applyHiveEvent(joined, { type: "command", at, worker_id: "bee", command: "drain" }, now);
  expect(told.workers.get("bee")?.worker.command).toBe("drain");
  const draining = applyHiveEvent(
    told,
    { type: "heartbeat", at, heartbeat: { ...heartbeat(0), state: "draining" } },
    now,
  );
  expect(draining.workers.get("bee")?.worker.command).toBeUndefined();
  const removed = applyHiveEvent(draining, { type: "removed", at, worker_id: "bee" }, now);
  expect(happenings(removed)).toEqual(["removed", "drain", "joined"]);
  expect(removed.workers.size).toBe(0);
});

it("takes a worker's models from its last heartbeat, and removes them if that heartbeat has no models", () => {
  const models = [
    { name: "m", state: "ready" as const },
    { name: "n", state: "unloaded" as const },
  ];
  const several = applyHiveEvent(joined, { type: "heartbeat", at, heartbeat: { ...heartbeat(0), models } }, now);
  expect(several.workers.get("bee")?.worker.models).toEqual(models);
  const one = applyHiveEvent(several, { type: "heartbeat", at, heartbeat: heartbeat(1) }, now);
  expect(one.workers.get("bee")?.worker).not.toHaveProperty("models");
});

it("adds older heartbeats before the known heartbeats, and no heartbeat twice", () => {
  const seen = applyHiveEvent(joined, { type: "heartbeat", at, heartbeat: heartbeat(1) }, now);
  const filled = addHistory(seen, [heartbeat(0, "2026-11-20T09:59:59.000Z"), heartbeat(1)]);
  expect(filled.workers.get("bee")?.samples.map((sample) => sample.at)).toEqual([
    Date.parse(at) - 1_000,
    Date.parse(at),
  ]);
});

it("fills the gap of a lost connection with times by the hive's clock, even if the worker's clock differs", () => {
  const clock = (seconds: number): string => new Date(Date.parse(at) + seconds * 1_000).toISOString();
  const beat = (view: HiveView, seq: number, seconds: number): HiveView =>
    applyHiveEvent(
      view,
      { type: "heartbeat", at: clock(seconds), heartbeat: heartbeat(seq, clock(seconds + 600)) },
      now,
    );
  const missed = heartbeat(1, clock(605));
  const filled = addHistory(beat(beat(joined, 0, 0), 2, 10), [heartbeat(0, clock(600)), missed]);
  expect(filled.workers.get("bee")?.samples.map((sample) => (sample.at - Date.parse(at)) / 1_000)).toEqual([0, 5, 10]);
  const last = { last_seen_at: clock(5), last_heartbeat: missed };
  const opened = applyHiveEvent(emptyHive, { type: "snapshot", at, workers: [{ ...worker, ...last }] }, now);
  expect(addHistory(opened, [missed]).workers.get("bee")?.samples[0]?.at).toBe(Date.parse(clock(5)));
});

it("shows the gateways of a fleet, and lists when a gateway joins or leaves", () => {
  const gateway = { gateway_id: "g1", url: "http://10.0.0.2:1", started_at: "2026-11-20T09:00:00.000Z", jobs: 2 };
  const fleet = { connected: true, gateways: [gateway] };
  const first = applyHiveEvent(emptyHive, { type: "snapshot", at, workers: [], fleet }, now);
  expect(first.timeline).toEqual([{ key: 1, at: Date.parse(gateway.started_at), who: "g1", what: "joined" }]);
  const second = { ...gateway, gateway_id: "g2" };
  const two = applyHiveEvent(
    first,
    { type: "fleet", at, fleet: { connected: true, gateways: [gateway, second] } },
    now,
  );
  expect(two.timeline[0]).toEqual({ key: 2, at: Date.parse(at), who: "g2", what: "joined" });
  const away = applyHiveEvent(two, { type: "fleet", at, fleet: { connected: false, gateways: [second] } }, now);
  expect(away.fleet?.connected).toBe(false);
  expect(away.timeline[0]).toMatchObject({ who: "g1", what: "left" });
  expect(joined.fleet).toBeUndefined();
});

it("lists a snapshot's workers and gateways together, newest first", () => {
  const clock = (seconds: number): string => new Date(Date.parse(at) + seconds * 1_000).toISOString();
  const workers = [1, 3].map((second) => workerOf(`bee-${second}`, { registered_at: clock(second) }));
  const gateways = [{ gateway_id: "g2", url: "http://10.0.0.2:1", started_at: clock(2), jobs: 0 }];
  const event = { type: "snapshot", at: clock(9), workers, fleet: { connected: true, gateways } } as const;
  const { timeline } = applyHiveEvent(emptyHive, event, now);
  expect(timeline.map(({ who }) => who)).toEqual(["bee-3", "g2", "bee-1"]);
  expect(new Set(timeline.map(({ key }) => key)).size).toBe(3);
});

it("lists the changes during a lost connection, and no change twice", () => {
  const again = applyHiveEvent(joined, { type: "snapshot", at, workers: [{ ...worker, liveness: "gone" }] }, now);
  expect(happenings(again)).toEqual(["gone", "joined"]);
  expect(happenings(applyHiveEvent(again, { type: "snapshot", at, workers: [] }, now))[0]).toBe("unlisted");
  expect(applyHiveEvent(joined, { type: "snapshot", at, workers: [worker] }, now).timeline).toHaveLength(1);
});
