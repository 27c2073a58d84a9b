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

  it("does not call a timer of 0 ms before the clock advances", () => {
    const clock = createFakeClock();
    const calls: string[] = [];
    clock.setTimeout(() => calls.push("now"), 0);
    expect(calls).toEqual([]);
    clock.advance(0);
    expect(calls).toEqual(["now"]);
  });
});
