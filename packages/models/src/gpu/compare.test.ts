// Tests which differences between two devices are accepted.
import { expect, it } from "vitest";
import { disagreement, type ChosenToken } from "./compare.ts";

const token = (text: string, logprob: number, others: Record<string, number> = {}): ChosenToken => ({
  text,
  logprob,
  others: new Map(Object.entries({ [text]: logprob, ...others })),
});
const cpu = [token("a", -0.5), token("b", -1), token("c", -0.7, { d: -0.75, e: -2 }), token("f", -0.1)];

it("accepts equal and nearly equal probabilities", () => {
  expect(disagreement(cpu, cpu)).toBeUndefined();
  expect(disagreement(cpu, [token("a", -0.55), ...cpu.slice(1)])).toBeUndefined();
});

it("accepts another token only if the CPU found both almost equally probable", () => {
  expect(disagreement(cpu, [...cpu.slice(0, 2), token("d", -0.7), token("x", -9)])).toBeUndefined();
  expect(disagreement(cpu, [...cpu.slice(0, 2), token("e", -2), token("x", -9)])).toBe(
    "token 2 differs from the CPU's",
  );
  expect(disagreement(cpu, [...cpu.slice(0, 2), token("z", -0.7)])).toBe('token 2 is "z", on the CPU "c"');
});

it("rejects other probabilities, NaN, and an output that is shorter or empty", () => {
  expect(disagreement(cpu, [token("a", -1.5)])).toBe("the log probability of token 0 is -1.5, on the CPU -0.5");
  expect(disagreement(cpu, [token("a", Number.NaN)])).toMatch(/^the log probability of token 0 is NaN/);
  expect(disagreement(cpu, cpu.slice(0, 1))).toBe("the output ended after 1 tokens, on the CPU after 4");
  expect(disagreement(cpu, [])).toBe("the output is empty");
  expect(disagreement([], [])).toBe("the output is empty");
});
