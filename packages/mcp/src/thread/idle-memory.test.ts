// Tests that the garbage of a large heap is collected. That a thread does so is tested with a connection.
import { expect, it } from "vitest";
import { shrinkHeap } from "./idle-memory.ts";

const makeGarbage = (): WeakRef<object> => new WeakRef(Array.from({ length: 1_000_000 }, () => ({})));

it("collects the garbage of a large heap", async () => {
  const garbage = makeGarbage();
  // A weak reference keeps its value to the end of the task.
  await new Promise((resolve) => setImmediate(resolve));
  await shrinkHeap();
  expect(garbage.deref() === undefined).toBe(true);
});
