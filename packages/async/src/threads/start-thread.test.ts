import { once } from "node:events";
import { expect, test } from "vitest";
import { startThread } from "./start-thread.ts";

const caller = new URL("../testing/x.ts", import.meta.url).href;

test("each call starts the module and its imports from source as a new thread", async () => {
  for (const workerData of [1, 2]) {
    const thread = startThread("adding-thread", caller, { workerData });
    const answered = once(thread, "message");
    thread.postMessage(40);
    expect(await answered).toEqual([40 + workerData]);
    await thread.terminate();
  }
});

test("the error for a missing module names the module", () => {
  expect(() => startThread("no-thread", caller)).toThrow(/no-thread\.ts/);
});
