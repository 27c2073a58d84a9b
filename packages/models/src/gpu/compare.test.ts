// Tests when two devices agree: exactly, within what they may differ, and where the CPU was of two minds.
import { expect, it } from "vitest";
import { disagreement, type ChosenToken } from "./compare.ts";

const token = (text: string, logprob: number, others: Record<string, number> = {}): ChosenToken => ({
  text,
  logprob,
  others: new Map(Object.entries({ [text]: logprob, ...others })),
});
const cpu = [token("a", -0.5), token("b", -1), token("c", -0.7, { d: -0.75, e: -2 }), token("f", -0.1)];

it("takes equal and nearly equal answers", () => {
  expect(disagreement(cpu, cpu)).toBeUndefined();
  expect(disagreement(cpu, [token("a", -0.55), ...cpu.slice(1)])).toBeUndefined();
});

it("takes another text from where the CPU was of two minds, and nowhere else", () => {
  expect(disagreement(cpu, [...cpu.slice(0, 2), token("d", -0.7), token("x", -9)])).toBeUndefined();
  expect(disagreement(cpu, [...cpu.slice(0, 2), token("e", -2), token("x", -9)])).toBe(
    "token 2 is another one than on the CPU",
  );
  expect(disagreement(cpu, [...cpu.slice(0, 2), token("z", -0.7)])).toBe('token 2 is "z", on the CPU "c"');
});

it("refuses other probabilities, values that are not numbers, and an answer that is shorter or empty", () => {
  expect(disagreement(cpu, [token("a", -1.5)])).toBe("the log probability of token 0 is -1.5, on the CPU -0.5");
  expect(disagreement(cpu, [token("a", Number.NaN)])).toMatch(/^the log probability of token 0 is NaN/);
  expect(disagreement(cpu, cpu.slice(0, 1))).toBe("it ended after 1 tokens, the CPU after 4");
  expect(disagreement(cpu, [])).toBe("nothing was computed");
  expect(disagreement([], [])).toBe("nothing was computed");
});
