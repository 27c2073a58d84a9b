import type { Clock } from "@waggle/async";
import { createFakeClock } from "@waggle/testing";
import { describe, expect, it } from "vitest";
import { createWatchdog } from "./watchdog.ts";

function setUp() {
  const clock = createFakeClock();
  return { clock, ...setUpOn(clock) };
}

function setUpOn(clock: Clock) {
  const hangs: (readonly [ms: number, busy: boolean])[] = [];
  const work = { busy: false };
  const watchdog = createWatchdog({
    clock,
    timeoutMs: 1_000,
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
  it("reports a hang when there is no step for the timeout, and none while steps come", () => {
    const { clock, hangs, watchdog, give } = setUp();
    give();
    for (let step = 0; step < 10; step += 1) {
      clock.advance(900);
      watchdog.stepped(5);
    }
    clock.advance(999);
    expect(hangs).toEqual([]);
    clock.advance(1);
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
