// Tests the view of a fleet: workers that join, report and leave, gateways, and members with invalid entries.
import type { Heartbeat, HiveEvent } from "@waggle/protocol";
import type { Logger } from "@waggle/telemetry";
import { createFakeClock } from "@waggle/testing";
import { beforeEach, expect, test, vi } from "vitest";
import { createFleetView, type FleetMember } from "./fleet-view.ts";
import { createWorkerRegistry } from "./workers.ts";

const heartbeat = (worker_id: string, seq: number): Heartbeat => ({
  ...{ worker_id, url: "http://10.0.0.1:7711", model: "m", state: "ready", version: "0.1.0", seq },
  ...{ slots: { total: 2, busy: 1 }, queue: { depth: 0, capacity: 8 }, health_status: "healthy" },
  timestamp: "2026-11-22T10:00:00.000Z",
});
const worker = (id: string, seq = 0): FleetMember => ({ kind: "worker", id, heartbeat: heartbeat(id, seq) });
const gateway = (id: string, url = "http://10.0.0.2:7712"): FleetMember => ({
  ...{ kind: "gateway", id, url, startedAt: "2026-11-22T10:00:00.000Z", jobs: 3 },
});
const shown = { url: "http://10.0.0.2:7712", started_at: "2026-11-22T10:00:00.000Z", jobs: 3 };

let events: HiveEvent[] = [];
let list: FleetMember[] = [];
let connected = true;
const warn = vi.fn();
beforeEach(() => {
  [events, list, connected] = [[], [], true];
  warn.mockClear();
});

function start() {
  const listeners = new Set<() => void>();
  const onEvent = (event: HiveEvent): number => events.push(event);
  const registry = createWorkerRegistry({
    ...{ clock: createFakeClock(), wallClock: () => 0, onEvent },
  });
  const members = {
    get connected() {
      return connected;
    },
    intervalMs: 5_000,
    list: () => list,
    onChange(listener: () => void) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const log = { warn } as unknown as Logger;
  const view = createFleetView({ members, registry, wallClock: () => 0, onEvent, log });
  const tell = (...now: FleetMember[]): string[] => {
    list = now;
    for (const listener of listeners) listener();
    return events.splice(0).map(({ type }) => type);
  };
  return { view, registry, tell };
}

test("a worker joins with its first heartbeat, changes with each heartbeat, and leaves", () => {
  const { tell, registry, view } = start();
  events = [];
  expect(tell(worker("w1"))).toEqual(["registered", "heartbeat"]);
  expect(registry.get("w1")).toMatchObject({ source: "nats", slots: { total: 2, busy: 1 } });
  expect(tell(worker("w1"))).toEqual([]);
  expect(tell(worker("w1", 1), worker("w2"))).toEqual(["heartbeat", "registered", "heartbeat"]);
  expect(tell(worker("w2"))).toEqual(["deregistered"]);
  view.close();
  expect(tell()).toEqual([]);
});

test("events report gateways that join, change or leave, and the state of the connection", () => {
  const { tell, view } = start();
  expect(events).toEqual([{ type: "fleet", at: "1970-01-01T00:00:00.000Z", fleet: { connected: true, gateways: [] } }]);
  events = [];
  expect(tell(gateway("g1"))).toEqual(["fleet"]);
  expect(tell(gateway("g1"))).toEqual([]);
  connected = false;
  expect(tell(gateway("g1"))).toEqual(["fleet"]);
  expect(view.current()).toEqual({ connected: false, gateways: [{ gateway_id: "g1", ...shown }] });
});

test("a gateway's number of waiting jobs is shown when the gateway reports it", () => {
  const { tell, view } = start();
  tell({ ...gateway("g1"), waiting: 2 } as FleetMember, gateway("g2"));
  expect(view.current().gateways).toEqual([
    { gateway_id: "g1", ...shown, waiting: 2 },
    { gateway_id: "g2", ...shown },
  ]);
});

test("a member with an invalid entry is logged once, and does not affect other members", () => {
  const { tell, view, registry } = start();
  const bad: FleetMember = { kind: "worker", id: "bad", heartbeat: { worker_id: "bad" } };
  for (const seq of [0, 1]) tell(bad, gateway("g1", "javascript:alert(1)"), gateway("g2"), worker("w1", seq));
  expect(registry.list().map(({ worker_id }) => worker_id)).toEqual(["w1"]);
  expect(view.current().gateways.map(({ gateway_id }) => gateway_id)).toEqual(["g2"]);
  expect(warn.mock.calls.map(([line]) => String(line).split(":")[0])).toEqual([
    "Cannot show the worker bad of the fleet",
    "Cannot show the gateway g1 of the fleet",
  ]);
});
