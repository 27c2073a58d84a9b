// Shows how the hive's events become workers and gateways, even across a lost connection.
import type { Heartbeat, HiveWorker } from "@waggle/protocol";
import { expect, it } from "vitest";
import { applyHiveEvent, emptyHive, type HiveView } from "./hive-view.ts";

const at = "2026-11-20T10:00:00.000Z";
const shape = {
  ...{ url: "http://127.0.0.1:1", model: "m", state: "ready" as const, version: "0", worker_id: "bee" },
  ...{ slots: { total: 8, busy: 0 }, queue: { depth: 0, capacity: 64 } },
};
const worker: HiveWorker = {
  ...{ ...shape, interval_ms: 5_000, liveness: "alive" },
  ...{ registered_at: at, last_seen_at: at, heartbeats: 0 },
};
const heartbeat = (changes: Partial<Heartbeat> = {}): Heartbeat => ({
  ...{ ...shape, timestamp: at, health_status: "healthy", seq: 0, slots: { total: 8, busy: 5 } },
  ...changes,
});
const now = Date.parse(at) - 5_000;
const joined = applyHiveEvent(emptyHive, { type: "snapshot", at, workers: [worker] }, now);
const bee = ({ workers }: HiveView): HiveWorker | undefined => workers.get("bee");

it("begins with the hive's list, and computes the difference between the hive's and the browser's clock", () => {
  expect([...joined.workers]).toEqual([["bee", worker]]);
  expect(joined.clockOffsetMs).toBe(5_000);
});

it("shows a worker that registers, and its liveness", () => {
  const registered = applyHiveEvent(emptyHive, { type: "registered", at, worker }, now);
  expect(bee(registered)).toEqual(worker);
  const late = applyHiveEvent(
    registered,
    { type: "liveness", at, worker_id: "bee", liveness: "stale", was: "alive" },
    now,
  );
  expect(bee(late)?.liveness).toBe("stale");
});

it("takes values from heartbeats of listed workers", () => {
  const later = "2026-11-20T10:00:05.000Z";
  const last = heartbeat({ tokens_per_second: 77 });
  const beaten = applyHiveEvent(joined, { type: "heartbeat", at: later, heartbeat: last }, now);
  expect(bee(beaten)).toMatchObject({ slots: { busy: 5 }, last_seen_at: later, heartbeats: 1, last_heartbeat: last });
  const unknown = heartbeat({ worker_id: "unknown" });
  expect(applyHiveEvent(joined, { type: "heartbeat", at, heartbeat: unknown }, now).workers).toEqual(joined.workers);
});

it("shows a requested drain until the worker drains", () => {
  const told = applyHiveEvent(joined, { type: "command", at, worker_id: "bee", command: "drain" }, now);
  expect(bee(told)?.command).toBe("drain");
  const last = heartbeat({ state: "draining" });
  expect(bee(applyHiveEvent(told, { type: "heartbeat", at, heartbeat: last }, now))?.command).toBeUndefined();
});

it.each(["removed", "deregistered", "forgotten"] as const)("no longer shows a worker that is %s", (type) => {
  expect(applyHiveEvent(joined, { type, at, worker_id: "bee" }, now).workers.size).toBe(0);
});

it("takes a worker's models from its last heartbeat, and removes them if that heartbeat has no models", () => {
  const models = [
    { name: "m", state: "ready" as const },
    { name: "n", state: "unloaded" as const },
  ];
  const several = applyHiveEvent(joined, { type: "heartbeat", at, heartbeat: heartbeat({ models }) }, now);
  expect(bee(several)?.models).toEqual(models);
  const one = applyHiveEvent(several, { type: "heartbeat", at, heartbeat: heartbeat() }, now);
  expect(bee(one)).not.toHaveProperty("models");
});

it("shows the gateways of a fleet, and whether NATS answers", () => {
  const gateway = { gateway_id: "g1", url: "http://10.0.0.2:1", started_at: at, jobs: 2 };
  const fleet = { connected: true, gateways: [gateway] };
  const first = applyHiveEvent(emptyHive, { type: "snapshot", at, workers: [], fleet }, now);
  expect(first.fleet).toEqual(fleet);
  const away = applyHiveEvent(first, { type: "fleet", at, fleet: { connected: false, gateways: [] } }, now);
  expect(away.fleet).toEqual({ connected: false, gateways: [] });
  expect(joined.fleet).toBeUndefined();
});

it("shows the hive's list after a lost connection, without workers that left meanwhile", () => {
  const other = { ...worker, worker_id: "wasp" };
  const again = applyHiveEvent(joined, { type: "snapshot", at, workers: [other] }, now);
  expect([...again.workers.keys()]).toEqual(["wasp"]);
});
