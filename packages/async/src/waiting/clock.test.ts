import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { systemClock } from "./clock.ts";

describe("systemClock", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("calls the function once, after the delay", () => {
    const called = vi.fn<() => void>();
    const before = systemClock.now();
    systemClock.setTimeout(called, 20);
    vi.advanceTimersByTime(19);
    expect(called).not.toHaveBeenCalled();
    vi.advanceTimersByTime(21);
    expect(called).toHaveBeenCalledOnce();
    expect(systemClock.now() - before).toBe(40);
  });

  it("does not call the function after a cancel, and ignores a second cancel", () => {
    const called = vi.fn<() => void>();
    const timer = systemClock.setTimeout(called, 20);
    timer.cancel();
    timer.cancel();
    vi.advanceTimersByTime(100);
    expect(called).not.toHaveBeenCalled();
  });

  it("does not keep the process alive", () => {
    vi.useRealTimers();
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
    const before = timers();
    const timer = systemClock.setTimeout(() => {}, 60_000);
    expect(timers()).toBe(before);
    timer.cancel();
  });
});
