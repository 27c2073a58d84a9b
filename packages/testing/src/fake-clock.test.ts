import { describe, expect, it } from "vitest";
import { createFakeClock } from "./fake-clock.ts";

describe("createFakeClock", () => {
  it("calls many timers in the order of their due times, then of creation, without the cancelled ones, and knows the next one", () => {
    const clock = createFakeClock();
    const calls: number[] = [];
    const delays = Array.from({ length: 500 }, (_, index) => (index * 7919) % 101);
    const timers = delays.map((ms, index) => clock.setTimeout(() => calls.push(index), ms));
    const isLeft = (index: number): boolean => index % 5 === 0;
    for (const [index, timer] of timers.entries()) if (!isLeft(index)) timer.cancel();
    const left = [...delays.keys()].filter(isLeft).sort((a, b) => (delays[a] ?? 0) - (delays[b] ?? 0) || a - b);
    expect([clock.next(), clock.pending]).toEqual([delays[left[0] ?? 0], 100]);
    clock.advance(50);
    expect(clock.next()).toBeGreaterThan(50);
    clock.advance(50);
    expect([calls, clock.next(), clock.pending]).toEqual([left, undefined, 0]);
  });

  it("calls timers that were set by callbacks when they fall due in time", () => {
    const clock = createFakeClock();
    const ticks: number[] = [];
    const tick = (): void => {
      ticks.push(clock.now());
      clock.setTimeout(tick, 10);
    };
    clock.setTimeout(tick, 10);
    clock.advance(35);
    expect(ticks).toEqual([10, 20, 30]);
    expect([clock.now(), clock.pending]).toEqual([35, 1]);
  });

  it("does not call a timer that was cancelled, also by a timer with the same due time", () => {
    const clock = createFakeClock();
    const calls: string[] = [];
    clock.setTimeout(() => {
      calls.push("first");
      second.cancel();
    }, 10);
    const second = clock.setTimeout(() => calls.push("second"), 10);
    clock.advance(10);
    expect(calls).toEqual(["first"]);
    expect(clock.pending).toBe(0);
  });

  it("does not call a timer of 0 ms before the clock advances", () => {
    const clock = createFakeClock();
    const calls: string[] = [];
    clock.setTimeout(() => calls.push("now"), 0);
    expect(calls).toEqual([]);
    clock.advance(0);
    expect(calls).toEqual(["now"]);
  });

  it("fails instead of hanging on a timer that arms itself without delay", () => {
    const clock = createFakeClock();
    const again = (): void => void clock.setTimeout(again, 0);
    again();
    expect(() => clock.advance(1)).toThrow("Cannot advance the clock: more than");
  });

  it("refuses to go back in time, and timers without a valid delay", () => {
    const clock = createFakeClock();
    expect(() => clock.advance(-1)).toThrow(RangeError);
    expect(() => clock.setTimeout(() => {}, Number.NaN)).toThrow(RangeError);
  });
});
