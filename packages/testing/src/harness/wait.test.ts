// Tests waits: their results, and their errors after a timeout.
import { describe, expect, it } from "vitest";
import { inLanes, poll, until, waitFor } from "./wait.ts";

const never = (): Promise<never> => new Promise(() => {});

describe("a wait", () => {
  it("names the awaited thing in its error", async () => {
    await expect(waitFor("a sign", never(), 10)).rejects.toThrow("Waited 0.01 s for a sign");
  });

  it("rejects with the signal's reason, also when the signal aborted before", async () => {
    const controller = new AbortController();
    const waiting = until(never(), controller.signal);
    controller.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    await expect(until(Promise.resolve(1), controller.signal)).rejects.toThrow("enough");
  });

  it("settles like the promise while the signal does not abort", async () => {
    const { signal } = new AbortController();
    expect(await until(Promise.resolve(1), signal)).toBe(1);
    await expect(until(Promise.reject(new Error("gone")), signal)).rejects.toThrow("gone");
  });
});

describe("a poll", () => {
  it("repeats until it finds a value, also after an error", async () => {
    let looks = 0;
    const found = await poll("the third", () => {
      looks += 1;
      if (looks === 1) throw new Error("not yet");
      return looks === 3 && "here";
    });
    expect(found).toBe("here");
  });

  it("reports the last error after a timeout, and does not wait for a call that hangs", async () => {
    const look = (): never => {
      throw new Error("no answer yet");
    };
    await expect(poll("somebody", look, 30)).rejects.toThrow("Waited 0.03 s for somebody: no answer yet");
    await expect(poll("somebody", never, 30)).rejects.toThrow("Waited 0.03 s for somebody");
  });
});

describe("lanes", () => {
  it("run two items at a time, each item once", async () => {
    let running = 0;
    let most = 0;
    const answers = await inLanes(2, [1, 2, 3, 4, 5], async (item) => {
      running += 1;
      most = Math.max(most, running);
      await Promise.resolve();
      running -= 1;
      return item * 10;
    });
    expect(answers.toSorted((a, b) => a - b)).toEqual([10, 20, 30, 40, 50]);
    expect(most).toBe(2);
  });
});
