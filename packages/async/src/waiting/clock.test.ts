import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { systemClock } from "./clock.ts";

describe("systemClock", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("calls back once, after the time", () => {
    const called = vi.fn<() => void>();
    const before = systemClock.now();
    systemClock.setTimeout(called, 20);
    vi.advanceTimersByTime(19);
    expect(called).not.toHaveBeenCalled();
    vi.advanceTimersByTime(21);
    expect(called).toHaveBeenCalledOnce();
    expect(systemClock.now() - before).toBe(40);
  });

  it("does not call back after cancel, which may come twice", () => {
    const called = vi.fn<() => void>();
    const timer = systemClock.setTimeout(called, 20);
    timer.cancel();
    timer.cancel();
    vi.advanceTimersByTime(100);
    expect(called).not.toHaveBeenCalled();
  });

  it("keeps no process alive", () => {
    vi.useRealTimers();
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
    const before = timers();
    const timer = systemClock.setTimeout(() => {}, 60_000);
    expect(timers()).toBe(before);
    timer.cancel();
  });
});
