import { expect, test } from "vitest";
import { createStepGate } from "./step-gate.ts";

async function isSettled(promise: Promise<void>): Promise<boolean> {
  const pending = Symbol("pending");
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
}

test("holds a step until the test lets it through", async () => {
  const gate = createStepGate();
  const pass = gate.pass();
  await gate.held();
  expect(await isSettled(pass)).toBe(false);
  gate.step();
  await pass;
});

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

test("holds no step once it is open", async () => {
  const gate = createStepGate();
  const held = gate.pass();
  gate.open();
  await held;
  await gate.pass();
});
