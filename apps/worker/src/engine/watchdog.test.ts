import type { Clock } from "@waggle/async";
import { createFakeClock } from "@waggle/testing";
import { describe, expect, it } from "vitest";
import { createWatchdog } from "./watchdog.ts";

function setUp(timeoutMs = 1_000) {
  const clock = createFakeClock();
  return { clock, ...setUpOn(clock, timeoutMs) };
}

function setUpOn(clock: Clock, timeoutMs = 1_000) {
  const hangs: (readonly [ms: number, busy: boolean])[] = [];
  const work = { busy: false };
  const watchdog = createWatchdog({
    clock,
    timeoutMs,
    busy: () => work.busy,
    onHang: (ms, busy) => hangs.push([ms, busy]),
  });
  watchdog.start();
  const give = (): void => {
    work.busy = true;
    watchdog.wake();
  };
  return { hangs, work, watchdog, give };
}

/** A clock whose process can be stopped: time continues meanwhile, and timers due meanwhile are called afterwards. */
function createStoppableClock() {
  const timers = new Set<{ readonly fn: () => void; readonly dueAt: number }>();
  let now = 0;
  function stop(ms: number): void {
    now += ms;
    for (const timer of [...timers]) if (timer.dueAt <= now && timers.delete(timer)) timer.fn();
  }
  return {
    now: () => now,
    setTimeout(fn: () => void, ms: number) {
      const timer = { fn, dueAt: now + ms };
      timers.add(timer);
      return { cancel: () => void timers.delete(timer) };
    },
    stop,
    advance(ms: number) {
      for (let passed = 0; passed < ms; passed += 1) stop(1);
    },
  };
}

describe("watchdog of an engine with work", () => {
  it("reports a hang when there is no step for the timeout", () => {
    const { clock, hangs, give } = setUp();
    give();
    clock.advance(999);
    expect(hangs).toEqual([]);
    clock.advance(1);
    expect(hangs).toEqual([[1_000, true]]);
  });

  it("reports no hang while steps come", () => {
    const { clock, hangs, watchdog, give } = setUp();
    give();
    for (let step = 0; step < 10; step += 1) {
      clock.advance(900);
      watchdog.stepped(5);
    }
    expect(hangs).toEqual([]);
  });

  it("does not count other messages as steps: a pass may hang while the process still sends messages", () => {
    const { clock, hangs, watchdog, give } = setUp();
    give();
    for (let report = 0; report < 10; report += 1) {
      watchdog.receivedMessage();
      clock.advance(100);
    }
    expect(hangs).toEqual([[1_000, true]]);
  });

  it("measures from the arrival of work, not from the last step", () => {
    const { clock, hangs, work, watchdog, give } = setUp();
    give();
    work.busy = false;
    watchdog.stepped(5);
    clock.advance(990);
    give();
    clock.advance(999);
    expect(hangs).toEqual([]);
    clock.advance(1);
    expect(hangs).toHaveLength(1);
  });

  it("allows a slow model 20 median steps", () => {
    const { clock, hangs, watchdog, give } = setUp();
    give();
    for (const pass of [400, 500, 600]) watchdog.stepped(pass);
    clock.advance(9_999);
    expect(hangs).toEqual([]);
    clock.advance(1);
    expect(hangs).toHaveLength(1);
  });
});

describe("watchdog of an idle engine", () => {
  it("reports a hang when no message comes, but not before five seconds", () => {
    const { clock, hangs } = setUp();
    clock.advance(4_999);
    expect(hangs).toEqual([]);
    clock.advance(1);
    expect(hangs).toEqual([[5_000, false]]);
  });

  it("allows silence for the step timeout if the timeout is longer than five seconds", () => {
    const { clock, hangs } = setUp(30_000);
    clock.advance(29_999);
    expect(hangs).toEqual([]);
    clock.advance(1);
    expect(hangs).toEqual([[30_000, false]]);
  });

  it("reports no hang with a message each second, and has a single timer", () => {
    const { clock, hangs, watchdog } = setUp();
    for (let report = 0; report < 100; report += 1) {
      clock.advance(1_000);
      watchdog.receivedMessage();
      expect(clock.pending).toBe(1);
    }
    expect(hangs).toEqual([]);
  });

  it("has no timer once the engine is gone", () => {
    const { clock, hangs, watchdog } = setUp();
    watchdog.stop();
    expect(clock.pending).toBe(0);
    clock.advance(100_000);
    expect(hangs).toEqual([]);
  });
});

describe("watchdog of a worker that was stopped", () => {
  it.each([4_990, 60_000])("does not count %d ms during which worker and engine were both stopped", (stoppedMs) => {
    const clock = createStoppableClock();
    const { hangs, watchdog } = setUpOn(clock);
    clock.advance(10);
    clock.stop(stoppedMs);
    expect(hangs).toEqual([]);
    clock.advance(900);
    watchdog.receivedMessage();
    clock.advance(4_000);
    expect(hangs).toEqual([]);
    clock.advance(1_000);
    expect(hangs).toHaveLength(1);
  });
});
