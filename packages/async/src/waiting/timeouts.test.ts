import { getEventListeners } from "node:events";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { deferred } from "./deferred.ts";
import { TimeoutError } from "./clock.ts";
import { sleep, withTimeout } from "./timeouts.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("sleep", () => {
  it("resolves after the time and removes its listener", async () => {
    const { signal } = new AbortController();
    const woke = vi.fn<() => void>();
    void sleep(50, { signal }).then(woke);
    await vi.advanceTimersByTimeAsync(49);
    expect(woke).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(woke).toHaveBeenCalledOnce();
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  it("rejects with the signal's reason and clears its timer", async () => {
    const controller = new AbortController();
    const sleeping = sleep(50, { signal: controller.signal });
    controller.abort(new Error("shutting down"));
    await expect(sleeping).rejects.toThrow("shutting down");
    expect(vi.getTimerCount()).toBe(0);
  });

  it("starts no timer when the signal has aborted", async () => {
    await expect(sleep(50, { signal: AbortSignal.abort("gone") })).rejects.toBe("gone");
    expect(vi.getTimerCount()).toBe(0);
  });

  it("rejects a time that is too long for a timer", async () => {
    await expect(sleep(Infinity)).rejects.toThrow("Cannot start a timer of Infinity ms");
  });

  it("keeps the process alive unless ref is false", async () => {
    vi.useRealTimers();
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
    const before = timers();
    const controller = new AbortController();
    const { signal } = controller;
    const held = sleep(60_000, { signal });
    expect(timers()).toBe(before + 1);
    const free = sleep(60_000, { signal, ref: false });
    expect(timers()).toBe(before + 1);
    controller.abort("done");
    expect(await Promise.allSettled([held, free])).toEqual([
      { status: "rejected", reason: "done" },
      { status: "rejected", reason: "done" },
    ]);
    expect(timers()).toBe(before);
  });
});

describe("withTimeout", () => {
  it("resolves with the promise's value and clears its timer", async () => {
    expect(await withTimeout(Promise.resolve(7), 50, "too slow")).toBe(7);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("rejects with the promise's error and clears its timer", async () => {
    await expect(withTimeout(Promise.reject(new Error("own")), 50, "too slow")).rejects.toThrow("own");
    expect(vi.getTimerCount()).toBe(0);
  });

  it("rejects with a TimeoutError with the given message, and ignores a late rejection", async () => {
    const work = deferred<never>();
    const message = "Cannot stop the engine: it did not leave within 50 ms";
    const outcome = withTimeout(work.promise, 50, message).catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(50);
    expect(await outcome).toEqual(new TimeoutError(message));
    expect(await outcome).toBeInstanceOf(TimeoutError);
    work.reject(new Error("late"));
    await Promise.resolve();
  });
});
