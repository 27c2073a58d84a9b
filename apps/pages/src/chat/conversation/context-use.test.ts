// Shows how much of a context is used, and when a warning appears.
import { expect, it } from "vitest";
import { contextUse } from "./context-use.ts";

const user = { role: "user" } as const;
const answer = (promptTokens: number | undefined, tokens: number) =>
  ({ role: "assistant", phase: "done", tokens, ...(promptTokens === undefined ? {} : { promptTokens }) }) as const;

it("counts the last prompt, which includes all earlier messages, and its answer", () => {
  expect(contextUse([user, answer(10, 5), user, answer(40, 10)], 100)).toEqual({ used: 50, total: 100, share: 0.5 });
});

it("uses the previous answer while the newest has not begun", () => {
  expect(contextUse([user, answer(10, 5), user, answer(undefined, 0)], 100)?.used).toBe(15);
});

it("counts the earlier tokens of a continued answer once, as part of its prompt", () => {
  const begun = { ...answer(20, 30), continuedAfter: 30 };
  expect(contextUse([{ ...begun, phase: "sending" }], 100)?.used).toBe(50);
  expect(contextUse([{ ...begun, promptTokens: 50, tokens: 35, phase: "streaming" }], 100)?.used).toBe(55);
});

it("returns undefined before the first count, and without a known context", () => {
  expect(contextUse([user, answer(undefined, 0)], 100)).toBeUndefined();
  expect(contextUse([user, answer(10, 5)], undefined)).toBeUndefined();
});

it("warns of the consequences from 80 % on, and never shows more than 100 %", () => {
  expect(contextUse([answer(70, 9)], 100)?.warning).toBeUndefined();
  expect(contextUse([answer(70, 10)], 100)?.warning).toMatch(/nearly full.*cut off.*leaves out/);
  const full = contextUse([answer(90, 20)], 100);
  expect(full?.share).toBe(1);
  expect(full?.warning).toMatch(/is full/);
});
