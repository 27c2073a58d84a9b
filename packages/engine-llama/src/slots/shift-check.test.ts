import type { CacheType } from "@waggle/protocol";
import { expect, test } from "vitest";
import { shiftProblem, type MemoryKind } from "./shift-check.ts";

const plain: MemoryKind = { isRecurrent: false, isHybrid: false, swaSize: undefined };

function problemOf(
  architecture: string,
  rope: object | undefined,
  kind: Partial<MemoryKind> = {},
  cacheTypeK?: CacheType,
): string | undefined {
  const file = { metadata: { general: { architecture } }, architectureMetadata: { rope } };
  return shiftProblem(file as unknown as Parameters<typeof shiftProblem>[0], { ...plain, ...kind }, cacheTypeK);
}

test("a plain KV cache can be shifted", () => {
  expect(problemOf("llama", { dimension_count: 64 })).toBeUndefined();
  expect(problemOf("gpt2", undefined)).toBeUndefined();
  expect(problemOf("llama", undefined, {}, "f32")).toBeUndefined();
});

test.each([
  [
    "a model with several positions per token",
    problemOf("qwen2vl", { dimension_sections: [16, 24, 24, 0] }),
    "qwen2vl",
  ],
  ["an architecture that llama.cpp excludes", problemOf("step35", {}), "step35"],
  ["a recurrent model", problemOf("mamba", undefined, { isRecurrent: true }), "recurrent"],
  ["a hybrid model", problemOf("jamba", undefined, { isHybrid: true }), "recurrent"],
  ["a model with sliding windows", problemOf("gemma3", {}, { swaSize: 512 }), "sliding windows"],
  ["a K cache in bf16", problemOf("llama", {}, {}, "bf16"), "bf16"],
  ["a quantized K cache", problemOf("llama", {}, {}, "q8_0"), "q8_0"],
])("%s cannot be shifted", (_, problem, named) => {
  expect(problem).toContain(named);
});
