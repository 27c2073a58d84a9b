import { createFakeClock } from "@waggle/testing";
import { goneKeptMs, type Heartbeat, type HiveEvent, type Registration } from "@waggle/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createWorkerRegistry, goneWorkersLimit, workersLimit } from "./workers.ts";

const report = (worker_id: string) => ({
  worker_id,
  url: "http://127.0.0.1:7701",
  model: "m",
  state: "ready" as const,
  slots: { total: 2, busy: 0 },
  queue: { depth: 0, capacity: 8 },
  version: "0.1.0",
});
const registration = (worker_id = "w1", interval_ms = 1_000): Registration => ({ ...report(worker_id), interval_ms });
const heartbeat = (worker_id = "w1", seq = 0): Heartbeat => ({
  ...report(worker_id),
  timestamp: "2026-11-02T10:00:00.000Z",
  health_status: "healthy",
  seq,
});

function createRegistry() {
  const clock = createFakeClock();
  const events: HiveEvent[] = [];
  const registry = createWorkerRegistry({
    clock,
    wallClock: () => Date.UTC(2026, 10, 2) + clock.now(),
    onEvent: (event) => events.push(event),
  });
  const livenessOf = (id = "w1"): string => registry.get(id).liveness;
  /** The events since the last call, each in a few words. */
  const news = (): string[] =>
    events.splice(0).map((event) => {
      switch (event.type) {
        case "snapshot":
        case "fleet":
          return event.type;
        case "registered":
          return `${event.worker.worker_id} registered`;
        case "heartbeat":
          return `${event.heartbeat.worker_id} heartbeat`;
        case "command":
          return `${event.worker_id} ${event.command}`;
        case "liveness":
          return `${event.worker_id} ${event.was}->${event.liveness}`;
        case "deregistered":
        case "removed":
        case "forgotten":
          return `${event.worker_id} ${event.type}`;
      }
    });
  return { clock, registry, livenessOf, news };
}

it("shows a worker's models from its last report", () => {
  const { registry } = createRegistry();
  const models = [{ name: "m", state: "loading" as const }];
  expect(registry.register({ ...registration(), models }).models).toEqual(models);
  registry.heartbeat(heartbeat());
  expect(registry.get("w1")).not.toHaveProperty("models");
});

describe("liveness", () => {
  it.each([
    [1_000, 1_500, 3_500],
    // The workers' default interval.
    [5_000, 6_500, 16_500],
  ])(
    "of a heartbeat each %i ms is stale after %i ms and gone after %i, each reported once",
    (interval, stale, gone) => {
      const { clock, registry, livenessOf, news } = createRegistry();
      registry.register(registration("w1", interval));
      clock.advance(stale - 1);
      expect(livenessOf()).toBe("alive");
      clock.advance(1);
      expect(livenessOf()).toBe("stale");
      clock.advance(gone - stale - 1);
      expect(livenessOf()).toBe("stale");
      clock.advance(1);
      expect(livenessOf()).toBe("gone");
      clock.advance(1_000_000);
      expect(news()).toEqual(["w1 registered", "w1 alive->stale", "w1 stale->gone"]);
    },
  );

  it("drops a worker that has been gone for a day, and then sets no timer", () => {
    const { clock, registry, news } = createRegistry();
    registry.register(registration());
    clock.advance(3_500 + goneKeptMs - 1);
    expect(registry.list()).toHaveLength(1);
    clock.advance(1);
    expect(registry.list()).toEqual([]);
    expect(news().at(-1)).toBe("w1 removed");
    expect(clock.pending).toBe(0);
  });

  it("counts from the last heartbeat", () => {
    const { clock, registry, livenessOf } = createRegistry();
    registry.register(registration());
    for (let i = 0; i < 5; i += 1) {
      clock.advance(1_400);
      registry.heartbeat(heartbeat());
    }
    expect(livenessOf()).toBe("alive");
    clock.advance(1_499);
    expect(livenessOf()).toBe("alive");
    clock.advance(1);
    expect(livenessOf()).toBe("stale");
  });

  it.each(["heartbeat", "registration"])("changes from gone to alive after a %s", (how) => {
    const { clock, registry, livenessOf, news } = createRegistry();
    registry.register(registration());
    clock.advance(6_000);
    news();
    if (how === "heartbeat") registry.heartbeat(heartbeat());
    else registry.register(registration());
    expect(livenessOf()).toBe("alive");
    expect(news()[0]).toBe("w1 gone->alive");
    clock.advance(1_500);
    expect(livenessOf()).toBe("stale");
  });

  it("changes straight to gone when no check ran for long, as after a suspended machine", () => {
    const { clock, registry, news } = createRegistry();
    registry.register(registration("slow", 10_000));
    registry.register(registration("fast", 100));
    clock.advance(60_000);
    expect(news().slice(2)).toEqual(["fast alive->stale", "fast stale->gone", "slow alive->stale", "slow stale->gone"]);
  });

  it("uses a shorter interval from the worker's new registration", () => {
    const { clock, registry, livenessOf } = createRegistry();
    registry.register(registration("w1", 60_000));
    registry.register(registration("w1", 1_000));
    clock.advance(1_500);
    expect(livenessOf()).toBe("stale");
  });

  it("never sets more than one timer, and no timer once closed", () => {
    const { clock, registry } = createRegistry();
    for (let i = 0; i < 20; i += 1) registry.register(registration(`w${i}`, 1_000 - i));
    for (let i = 0; i < 20; i += 1) registry.heartbeat(heartbeat(`w${i}`));
    expect(clock.pending).toBe(1);
    registry.close();
    expect(clock.pending).toBe(0);
  });

  it("depends only on the time since the last report, after any sequence of calls", () => {
    const step = fc.record({
      id: fc.constantFrom("a", "b", "c"),
      act: fc.constantFrom("register", "heartbeat", "deregister", "wait"),
      ms: fc.integer({ min: 0, max: 4_000 }),
      interval: fc.constantFrom(100, 700, 1_000),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { clock, registry } = createRegistry();
        const model = new Map<string, { seen: number; interval: number }>();
        for (const { id, act, ms, interval } of steps) {
          const known = model.get(id);
          if (act === "wait") clock.advance(ms);
          else if (act === "register") {
            registry.register(registration(id, interval));
            model.set(id, { seen: clock.now(), interval });
          } else if (known !== undefined && act === "heartbeat") {
            registry.heartbeat(heartbeat(id));
            known.seen = clock.now();
          } else if (known !== undefined) {
            registry.deregister(id);
            model.delete(id);
          }
          const expected = [...model].map(([worker, { seen, interval }]) => {
            const silent = clock.now() - seen - 500;
            return `${worker} ${silent >= 3 * interval ? "gone" : silent >= interval ? "stale" : "alive"}`;
          });
          const actual = registry.list().map(({ worker_id, liveness }) => `${worker_id} ${liveness}`);
          expect(actual.sort()).toEqual(expected.sort());
          expect(clock.pending).toBeLessThanOrEqual(1);
        }
      }),
    );
  });
});

describe("the registry", () => {
  it("shows the worker's last report", () => {
    const { clock, registry } = createRegistry();
    registry.register({ ...registration(), backend: "fake" });
    clock.advance(500);
    registry.heartbeat({ ...heartbeat("w1", 7), state: "draining", slots: { total: 2, busy: 1 } });
    expect(registry.get("w1")).toEqual({
      ...report("w1"),
      state: "draining",
      slots: { total: 2, busy: 1 },
      interval_ms: 1_000,
      liveness: "alive",
      registered_at: "2026-11-02T00:00:00.000Z",
      last_seen_at: "2026-11-02T00:00:00.500Z",
      heartbeats: 1,
      last_heartbeat: { ...heartbeat("w1", 7), state: "draining", slots: { total: 2, busy: 1 } },
    });
  });

  it("treats a second registration as the same worker", () => {
    const { clock, registry, news } = createRegistry();
    registry.register(registration());
    registry.heartbeat(heartbeat());
    clock.advance(500);
    const worker = registry.register({ ...registration(), model: "other" });
    expect(worker).toMatchObject({ model: "other", heartbeats: 1, registered_at: "2026-11-02T00:00:00.000Z" });
    expect(registry.list()).toEqual([worker]);
    expect(news()).toEqual(["w1 registered", "w1 heartbeat", "w1 registered"]);
  });

  it("does not know a worker that left or was forgotten", () => {
    const { registry, news } = createRegistry();
    for (const id of ["a", "b", "c"]) registry.register(registration(id));
    registry.deregister("b");
    expect(() => registry.heartbeat(heartbeat("b"))).toThrow(expect.objectContaining({ code: "not_found" }));
    expect(() => registry.deregister("b")).toThrow(expect.objectContaining({ code: "not_found" }));
    registry.forgetAll();
    expect(registry.list()).toEqual([]);
    expect(() => registry.heartbeat(heartbeat("a"))).toThrow(expect.objectContaining({ code: "not_found" }));
    expect(news().slice(3)).toEqual(["b deregistered", "a forgotten", "c forgotten"]);
  });

  it("lists a worker of a fleet by its fleet entry until the worker registers here", () => {
    const { clock, registry, livenessOf, news } = createRegistry();
    registry.hear(heartbeat(), 1_000);
    expect(registry.get("w1")).toMatchObject({ source: "nats", interval_ms: 1_000, heartbeats: 1, liveness: "alive" });
    registry.hear(heartbeat("w1", 1), 1_000);
    clock.advance(1_500);
    expect(livenessOf()).toBe("stale");
    registry.register(registration());
    expect(registry.get("w1")).not.toHaveProperty("source");
    registry.hear(heartbeat("w1", 2), 1_000);
    registry.lose("w1");
    expect(registry.get("w1").heartbeats).toBe(2);
    clock.advance(3_500);
    registry.hear(heartbeat("w1", 3), 1_000);
    expect(registry.get("w1")).toMatchObject({ source: "nats", liveness: "alive" });
    expect(news()).toEqual([
      ...["w1 registered", "w1 heartbeat", "w1 heartbeat", "w1 alive->stale", "w1 stale->alive", "w1 registered"],
      ...["w1 alive->stale", "w1 stale->gone", "w1 gone->alive", "w1 heartbeat"],
    ]);
  });

  it("removes a fleet worker that left, and keeps an overdue one until its timeouts end", () => {
    const { clock, registry, livenessOf, news } = createRegistry();
    for (const id of ["left", "killed"]) registry.hear(heartbeat(id), 1_000);
    clock.advance(1_999);
    registry.lose("left");
    clock.advance(1);
    registry.lose("killed");
    registry.lose("unknown");
    expect(registry.list().map(({ worker_id }) => worker_id)).toEqual(["killed"]);
    clock.advance(4_000);
    expect(livenessOf("killed")).toBe("gone");
    expect(news().slice(4)).toEqual([
      ...["left alive->stale", "killed alive->stale", "left deregistered", "killed stale->gone"],
    ]);
  });

  it("counts heartbeats, and keeps the last one", () => {
    const { registry } = createRegistry();
    registry.register(registration());
    for (let seq = 0; seq < 5; seq += 1) registry.heartbeat(heartbeat("w1", seq));
    expect(registry.get("w1")).toMatchObject({ heartbeats: 5, last_heartbeat: { seq: 4 } });
  });

  it("removes the worker that has been gone longest when too many workers are gone", () => {
    const { clock, registry, news } = createRegistry();
    for (let i = 0; i <= goneWorkersLimit; i += 1) {
      registry.register(registration(`w${i}`));
      clock.advance(1);
    }
    registry.heartbeat(heartbeat("w0"));
    clock.advance(10_000);
    expect(news().filter((line) => line.endsWith("removed"))).toEqual(["w1 removed"]);
    expect(registry.list()).toHaveLength(goneWorkersLimit);
    expect(registry.get("w0").liveness).toBe("gone");
  });

  it("sends a drain command until the worker drains, and lists the command", () => {
    const { registry, news } = createRegistry();
    registry.register({ ...registration(), obeys: ["drain"] });
    expect(registry.heartbeat({ ...heartbeat(), obeys: ["drain"] })).toBeUndefined();
    expect(registry.drain("w1")).toMatchObject({ command: "drain", obeys: ["drain"] });
    registry.drain("w1");
    for (let i = 0; i < 2; i += 1) expect(registry.heartbeat({ ...heartbeat(), obeys: ["drain"] })).toBe("drain");
    expect(registry.heartbeat({ ...heartbeat(), obeys: ["drain"], state: "draining" })).toBeUndefined();
    expect(registry.drain("w1")).not.toHaveProperty("command");
    expect(news().filter((line) => line.endsWith("drain"))).toEqual(["w1 drain"]);
  });

  it("sends a restarted worker no command for its previous process", () => {
    const { registry } = createRegistry();
    const obeys = ["drain" as const];
    registry.register({ ...registration(), obeys });
    registry.drain("w1");
    expect(registry.register({ ...registration(), obeys })).not.toHaveProperty("command");
    expect(registry.heartbeat({ ...heartbeat(), obeys })).toBeUndefined();
  });

  it("drains only workers that receive and support its commands, and removes only gone workers", () => {
    const { clock, registry, news } = createRegistry();
    const conflict = expect.objectContaining({ code: "conflict" });
    registry.register(registration("deaf"));
    registry.register({ ...registration("gone"), obeys: ["drain"] });
    clock.advance(10_000);
    registry.heartbeat(heartbeat("deaf"));
    registry.hear({ ...heartbeat("far"), obeys: ["drain"] }, 1_000);
    for (const id of ["deaf", "gone", "far"]) expect(() => registry.drain(id)).toThrow(conflict);
    for (const id of ["deaf", "far"]) expect(() => registry.remove(id)).toThrow(conflict);
    registry.remove("gone");
    expect(registry.list().map(({ worker_id }) => worker_id)).toEqual(["deaf", "far"]);
    expect(news().at(-1)).toBe("gone removed");
    for (const act of [registry.drain, registry.remove]) {
      expect(() => act("nobody")).toThrow(expect.objectContaining({ code: "not_found" }));
    }
  });

  it("refuses a worker over the limit", () => {
    const { registry } = createRegistry();
    for (let i = 0; i < workersLimit; i += 1) registry.register(registration(`w${i}`));
    expect(() => registry.register(registration("more"))).toThrow(
      expect.objectContaining({ code: "resource_exhausted" }),
    );
    registry.deregister("w0");
    expect(registry.register(registration("more")).worker_id).toBe("more");
  });
});
