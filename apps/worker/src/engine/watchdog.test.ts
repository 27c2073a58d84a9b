import { createFakeClock } from "@waggle/testing";
import { describe, expect, it } from "vitest";
import { createWatchdog } from "./watchdog.ts";

function setUp(timeoutMs = 1_000) {
  const clock = createFakeClock();
  const hangs: number[] = [];
  const work = { busy: true };
  const watchdog = createWatchdog({ clock, timeoutMs, busy: () => work.busy, onHang: (ms) => hangs.push(ms) });
  return { clock, hangs, work, watchdog };
}

describe("watchdog", () => {
  it("bites when there is work and no step for the time given", () => {
    const { clock, hangs, watchdog } = setUp();
    watchdog.wake();
    clock.advance(999);
    expect(hangs).toEqual([]);
    clock.advance(1);
    expect(hangs).toEqual([1_000]);
  });

  it("is content with steps, however many", () => {
    const { clock, hangs, watchdog } = setUp();
    watchdog.wake();
    for (let step = 0; step < 10; step += 1) {
      clock.advance(900);
      watchdog.touch(5);
    }
    expect(hangs).toEqual([]);
  });

  it("lets an idle engine be, and costs no timer then", () => {
    const { clock, hangs, work, watchdog } = setUp();
    watchdog.wake();
    work.busy = false;
    clock.advance(100_000);
    expect(hangs).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it("counts from when work is given, not from when the engine last spoke", () => {
    const { clock, hangs, work, watchdog } = setUp();
    watchdog.touch(5);
    work.busy = false;
    clock.advance(50_000);
    work.busy = true;
    watchdog.wake();
    clock.advance(999);
    expect(hangs).toEqual([]);
    clock.advance(1);
    expect(hangs).toHaveLength(1);
  });

  it("gives a slow model twenty of its medians", () => {
    const { clock, hangs, watchdog } = setUp();
    watchdog.wake();
    for (const pass of [400, 500, 600]) watchdog.touch(pass);
    clock.advance(9_999);
    expect(hangs).toEqual([]);
    clock.advance(1);
    expect(hangs).toHaveLength(1);
  });
});
