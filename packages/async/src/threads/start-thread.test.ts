import { once } from "node:events";
import { expect, test } from "vitest";
import { startThread } from "./start-thread.ts";

const besides = new URL("../testing/x.ts", import.meta.url).href;

test("a module becomes a thread from source, with all that it imports, each time anew", async () => {
  for (const workerData of [1, 2]) {
    const thread = startThread("adding-thread", besides, { workerData });
    const answered = once(thread, "message");
    thread.postMessage(40);
    expect(await answered).toEqual([40 + workerData]);
    await thread.terminate();
  }
});

test("a module that is not there is an error that names it", () => {
  expect(() => startThread("no-thread", besides)).toThrow(/no-thread\.ts/);
});
