import { expect, it } from "vitest";
import { createCondition } from "./condition.ts";

it("resolves waits at the first check at which the condition holds, and later waits at once", async () => {
  let jobs = 2;
  const idle = createCondition(() => jobs === 0);
  const ended: string[] = [];
  const waits = ["a", "b"].map(async (name) => {
    await idle.wait();
    ended.push(name);
  });
  jobs = 1;
  idle.check();
  await Promise.resolve();
  expect(ended).toEqual([]);
  jobs = 0;
  idle.check();
  await Promise.all(waits);
  expect(ended).toEqual(["a", "b"]);
  await idle.wait();
});
