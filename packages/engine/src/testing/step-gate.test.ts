import { expect, test } from "vitest";
import { createStepGate } from "./step-gate.ts";

async function isSettled(promise: Promise<void>): Promise<boolean> {
  const pending = Symbol("pending");
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
}

test("lets later steps through, up to the allowed number", async () => {
  const gate = createStepGate();
  const held = gate.held();
  gate.step(2);
  await gate.pass();
  await gate.pass();
  expect(await isSettled(held)).toBe(false);
  const third = gate.pass();
  await held;
  expect(await isSettled(third)).toBe(false);
});
