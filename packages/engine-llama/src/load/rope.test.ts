import { expect, test } from "vitest";
import { ropeOverrides, ropeProblem } from "./rope.ts";

test("an integer gets a fraction so small that it disappears in single precision", () => {
  const { llama } = ropeOverrides("llama", { ropeFreqBase: 1_000_000, ropeFreqScale: 0.5 }) as {
    llama: { rope: { freq_base: number; scaling: { factor: number } } };
  };
  const { freq_base: base, scaling } = llama.rope;
  for (const [value, wanted] of [
    [base, 1_000_000],
    [scaling.factor, 2],
  ] as const) {
    expect(Number.isInteger(value)).toBe(false);
    expect(Math.fround(value)).toBe(wanted);
  }
  expect(ropeOverrides("llama", {})).toEqual({});
});

function problem(architecture: string, rope: object, settings: Parameters<typeof ropeProblem>[1]): string | undefined {
  const info = { metadata: { general: { architecture } }, architectureMetadata: { rope } };
  return ropeProblem(info as unknown as Parameters<typeof ropeProblem>[0], settings);
}

test("settings without effect on the model's positions are rejected, with the flag in the error", () => {
  expect(problem("mamba", {}, {})).toBeUndefined();
  for (const architecture of ["mamba", "gpt2", "bert", "rwkv7"]) {
    expect(problem(architecture, {}, { ropeFreqBase: 10_000 })).toContain("--rope-freq-base");
  }
  expect(problem("llama", {}, { yarnOrigCtx: 512 })).toContain("the scaling is linear");
  expect(problem("llama", { scaling: { type: "none" } }, { ropeFreqScale: 0.5 })).toContain(
    'the scaling type is "none"',
  );
  expect(problem("llama", { scaling: { type: "yarn" } }, { yarnOrigCtx: 512, ropeFreqScale: 0.5 })).toBeUndefined();
});
