import { getEventListeners } from "node:events";
import type { HiveClient } from "@waggle/client";
import { WaggleError } from "@waggle/protocol";
import type { Heartbeat, HeartbeatAnswer, HiveWorker, Registration, WorkerStateName } from "@waggle/protocol";
import { createLogger } from "@waggle/telemetry";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { startReporter } from "./reporter.ts";
import type { Reporter } from "./reporter.ts";

const down = (): Promise<never> => Promise.reject(new WaggleError("unavailable", "Cannot reach the hive: refused."));

let calls: string[];
let beats: Heartbeat[];
let lines: string[];
let state: WorkerStateName;
let answer: { register: () => Promise<unknown>; heartbeat: () => Promise<HeartbeatAnswer | void> };
let commands: string[];
/** The signal that the reporter keeps as long as it lives. */
let signal: AbortSignal | undefined;
let reporter: Reporter;

beforeEach(() => {
  vi.useFakeTimers();
  calls = [];
  beats = [];
  lines = [];
  commands = [];
  state = "ready";
  answer = { register: () => Promise.resolve(), heartbeat: () => Promise.resolve() };
  reporter = start(30_000);
});

function start(intervalMs: number): Reporter {
  return startReporter({
    hive: stubHive(),
    workerId: "w",
    intervalMs,
    log: createLogger({
      level: "info",
      format: "json",
      name: "t",
      destination: { write: (line: string) => void lines.push(line) },
    }),
    registration: () => ({ worker_id: "w" }) as Registration,
    heartbeat: (seq) => ({ seq, state }) as Heartbeat,
    onHeartbeat: () => {},
    onCommand: (command) => void commands.push(command),
    random: () => 0.5,
  });
}

afterEach(async () => {
  await reporter.leave();
  vi.useRealTimers();
});

function stubHive(): HiveClient {
  const used = {
    register: async () => {
      calls.push("register");
      await answer.register();
      return {} as HiveWorker;
    },
    heartbeat: async (heartbeat: Heartbeat, { signal: given }: { signal?: AbortSignal } = {}) => {
      signal = given;
      calls.push(`heartbeat ${heartbeat.seq}`);
      const told = await answer.heartbeat();
      beats.push(heartbeat);
      return told ?? {};
    },
    deregister: async () => void calls.push("deregister"),
  };
  return used as Partial<HiveClient> as HiveClient;
}

/** The listeners of the signal, and the signals that `AbortSignal.any` has made from it. */
function heldBy(source: AbortSignal | undefined): number {
  if (source === undefined) throw new Error("No signal was handed over");
  const key = Object.getOwnPropertySymbols(source).find(({ description }) => description === "kDependantSignals");
  const made = key === undefined ? undefined : (source as unknown as Record<symbol, Set<unknown> | undefined>)[key];
  return getEventListeners(source, "abort").length + (made?.size ?? 0);
}

const settle = () => vi.advanceTimersByTimeAsync(0);

describe("the reporter", () => {
  it("registers, sends a heartbeat at once, and then a heartbeat each interval", async () => {
    await settle();
    expect(calls).toEqual(["register", "heartbeat 0"]);
    await vi.advanceTimersByTimeAsync(29_999);
    expect(calls).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(1);
    expect(calls).toEqual(["register", "heartbeat 0", "heartbeat 1"]);
  });

  it("reports a change at once", async () => {
    await settle();
    state = "draining";
    reporter.changed();
    await settle();
    expect(beats.map((beat) => beat.state)).toEqual(["ready", "draining"]);
  });

  it("registers again at once when the hive has forgotten it", async () => {
    await settle();
    answer.heartbeat = () => {
      answer.heartbeat = () => Promise.resolve();
      return Promise.reject(new WaggleError("not_found", "Unknown worker."));
    };
    await vi.advanceTimersByTimeAsync(30_001);
    expect(calls).toEqual(["register", "heartbeat 0", "heartbeat 1", "register", "heartbeat 1"]);
  });

  it("backs off when the hive forgets it every time, as if the hive were down", async () => {
    await settle();
    // Stops a reporter that makes no pauses, because otherwise no other code would run.
    answer.heartbeat = () =>
      calls.length > 1_000 ? Promise.resolve() : Promise.reject(new WaggleError("not_found", "Unknown worker."));
    await vi.advanceTimersByTimeAsync(150_000);
    // Requests at 30 s, then 0, 2, 4, 8, 16, 30 and 30 s later.
    expect(calls.filter((call) => call === "register")).toHaveLength(1 + 7);
  });

  it("backs off 0, 2, 4, 8, 16, 30, 30 s while the hive is down, and logs that once", async () => {
    answer = { register: down, heartbeat: down };
    reporter.changed();
    await settle();
    await vi.advanceTimersByTimeAsync(30_000);
    const before = calls.length;
    const waits: number[] = [];
    let since = 0;
    for (let second = 0; second < 130; second += 1) {
      const count = calls.length;
      await vi.advanceTimersByTimeAsync(1_000);
      since += 1;
      if (calls.length > count) {
        waits.push(since);
        since = 0;
      }
    }
    expect(before).toBeGreaterThan(0);
    expect(waits.slice(-2)).toEqual([30, 30]);
    expect(lines.filter((line) => line.includes("hive_down"))).toHaveLength(1);
    answer = { register: () => Promise.resolve(), heartbeat: () => Promise.resolve() };
    await vi.advanceTimersByTimeAsync(30_000);
    expect(lines.filter((line) => line.includes("hive_up")).at(-1)).toContain("heartbeats arrive");
  });

  it("sends requests to an unreachable hive as often as heartbeats, so that a restarted hive soon gets a heartbeat", async () => {
    await reporter.leave();
    reporter = start(5_000);
    answer = { register: down, heartbeat: down };
    await vi.advanceTimersByTimeAsync(300_000);
    const before = calls.length;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(calls.length - before).toBe(12);
  });

  it("leaves no listeners on the signal that lives as long as the worker", async () => {
    await settle();
    for (let beat = 0; beat < 50; beat += 1) await vi.advanceTimersByTimeAsync(30_000);
    expect(calls).toHaveLength(1 + 51);
    expect(heldBy(signal)).toBe(1);
  });

  it("passes the hive's commands on", async () => {
    await settle();
    expect(commands).toEqual([]);
    answer.heartbeat = () => Promise.resolve({ command: "drain" });
    reporter.changed();
    await settle();
    expect(commands).toEqual(["drain"]);
  });

  it("deregisters when it leaves, and sends nothing afterwards", async () => {
    await settle();
    await reporter.leave();
    expect(calls.at(-1)).toBe("deregister");
    await vi.advanceTimersByTimeAsync(120_000);
    expect(calls.at(-1)).toBe("deregister");
  });
});
