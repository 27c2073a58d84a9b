import { getEventListeners } from "node:events";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createStallTimer, deadlineSignal, linkSignals, onAbort, unlessAborted } from "./signals.ts";
import { TimeoutError } from "./clock.ts";

function listeners(signal: AbortSignal): number {
  return getEventListeners(signal, "abort").length;
}

describe("onAbort", () => {
  it("calls the listener once, and not after its removal", () => {
    const controller = new AbortController();
    const kept = vi.fn<() => void>();
    const removed = vi.fn<() => void>();
    onAbort(controller.signal, kept);
    onAbort(controller.signal, removed)();
    controller.abort();
    expect(kept).toHaveBeenCalledOnce();
    expect(removed).not.toHaveBeenCalled();
  });

  it("calls the listener at once when the signal has aborted", () => {
    const listener = vi.fn<() => void>();
    onAbort(AbortSignal.abort(), listener);
    expect(listener).toHaveBeenCalledOnce();
  });

  it("allows more listeners on one signal than Node's warning limit", async () => {
    const warned = vi.fn<() => void>();
    process.on("warning", warned);
    const { signal } = new AbortController();
    for (let i = 0; i < 50; i += 1) onAbort(signal, () => {});
    // Warnings are emitted in the next tick, so all warnings appear within one turn of the event loop.
    await new Promise((resolve) => setImmediate(resolve));
    process.off("warning", warned);
    expect(warned).not.toHaveBeenCalled();
  });
});

describe("unlessAborted", () => {
  it("settles like the work, and leaves no listener", async () => {
    const { signal } = new AbortController();
    expect(await unlessAborted(Promise.resolve(1), signal)).toBe(1);
    expect(await unlessAborted(Promise.resolve(2), undefined)).toBe(2);
    expect(listeners(signal)).toBe(0);
  });

  it("rejects with the signal's reason while the work is pending", async () => {
    const reason = new Error("The client left");
    await expect(unlessAborted(new Promise(() => {}), AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});

describe("linkSignals", () => {
  it("aborts with the reason of the first source to abort, and removes its listeners", () => {
    const one = new AbortController();
    const two = new AbortController();
    const linked = linkSignals(one.signal, undefined, two.signal);
    expect(linked.aborted).toBe(false);
    two.abort("two");
    one.abort("one");
    expect(linked.reason).toBe("two");
    expect([listeners(one.signal), listeners(two.signal)]).toEqual([0, 0]);
  });

  it("is aborted from the start when a source has aborted, and keeps no listeners", () => {
    const one = new AbortController();
    const three = new AbortController();
    const linked = linkSignals(one.signal, AbortSignal.abort("gone"), three.signal);
    expect(linked.reason).toBe("gone");
    expect([listeners(one.signal), listeners(three.signal)]).toEqual([0, 0]);
  });

  it("never aborts without sources", () => {
    expect(linkSignals(undefined).aborted).toBe(false);
  });

  it("removes its listeners when it is disposed of", () => {
    const source = new AbortController();
    const linked = linkSignals(source.signal);
    expect(listeners(source.signal)).toBe(1);
    linked[Symbol.dispose]();
    expect(listeners(source.signal)).toBe(0);
    source.abort();
    expect(linked.aborted).toBe(false);
  });
});

describe("deadlineSignal", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("aborts with a TimeoutError after the time limit, not before", () => {
    const { signal } = deadlineSignal(100);
    vi.advanceTimersByTime(99);
    expect(signal.aborted).toBe(false);
    vi.advanceTimersByTime(1);
    expect(signal.reason).toBeInstanceOf(TimeoutError);
    expect(signal.reason).toMatchObject({ message: "The deadline of 100 ms has passed" });
  });

  it("clears its timer when it is disposed of", () => {
    const deadline = deadlineSignal(100);
    deadline[Symbol.dispose]();
    expect(vi.getTimerCount()).toBe(0);
    expect(deadline.signal.aborted).toBe(false);
  });

  it.each([-1, Number.NaN, Infinity, 2 ** 31])("rejects %d ms, which Node would change to 1 ms", (ms) => {
    expect(() => deadlineSignal(ms)).toThrow(RangeError);
  });
});

describe("createStallTimer", () => {
  it("aborts after the time without a restart, and not after it was disposed of", () => {
    vi.useFakeTimers();
    using stall = createStallTimer(1_000);
    const over = createStallTimer(1_000);
    over[Symbol.dispose]();
    vi.advanceTimersByTime(999);
    stall.restart();
    vi.advanceTimersByTime(999);
    expect(stall.signal.aborted).toBe(false);
    vi.advanceTimersByTime(1);
    expect(stall.signal.reason).toEqual(new TimeoutError("nothing arrived for 1 s"));
    expect(over.signal.aborted).toBe(false);
    vi.useRealTimers();
  });
});
