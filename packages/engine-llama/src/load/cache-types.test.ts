import { expect, test } from "vitest";
import { flashAttentionOf, headProblem } from "./cache-types.ts";

const heads = (metadata: Parameters<typeof headProblem>[0], k: "f16" | "q8_0", v: "f16" | "q4_0"): string | undefined =>
  headProblem(metadata, { cacheTypeK: k, cacheTypeV: v });

test("a quantized type is possible if each attention head fills whole blocks of the type", () => {
  expect(heads({ embedding_length: 576, attention: { head_count: 9 } }, "q8_0", "q4_0")).toBeUndefined();
  expect(heads({ embedding_length: 288, attention: { head_count: 6 } }, "f16", "f16")).toBeUndefined();
  // A model without attention heads has no KV cache.
  expect(heads({ embedding_length: 768, attention: { head_count: 0 } }, "q8_0", "q4_0")).toBeUndefined();
  expect(heads({}, "q8_0", "q4_0")).toBeUndefined();
});

test.each(
  Object.entries<string | undefined>({
    "--cache-type-k q8_0: a head of the model has 48": heads(
      { embedding_length: 288, attention: { head_count: 6 } },
      "q8_0",
      "f16",
    ),
    "--cache-type-v q4_0: a head of the model has 48": heads(
      { embedding_length: 288, attention: { head_count: [6, 6] } },
      "f16",
      "q4_0",
    ),
    "--cache-type-k q8_0: a head of the model has 80": heads(
      { embedding_length: 2_560, attention: { head_count: 40, key_length: 80 } },
      "q8_0",
      "f16",
    ),
    "--cache-type-v q4_0: a head of the model has 72": heads(
      { attention: { key_length: 64, value_length: 72 } },
      "q8_0",
      "q4_0",
    ),
  }),
)("%s", (start, problem) => {
  expect(problem).toMatch(new RegExp(`^${start} numbers, and this type takes a multiple of 32$`));
});

test("flash attention is used if the model supports it and the settings do not turn it off", () => {
  expect(flashAttentionOf({}, true)).toEqual({ on: true });
  expect(flashAttentionOf({}, false)).toEqual({ on: false });
  expect(flashAttentionOf({ flashAttention: "off" }, true)).toEqual({ on: false });
  expect(flashAttentionOf({ flashAttention: "on", cacheTypeV: "q8_0" }, true)).toEqual({ on: true });
  expect(flashAttentionOf({ flashAttention: "on" }, false).problem).toContain("--flash-attention on");
  expect(flashAttentionOf({ cacheTypeV: "q8_0" }, false).problem).toContain("--cache-type-v q8_0");
  expect(flashAttentionOf({ cacheTypeV: "bf16", flashAttention: "off" }, true).problem).toBeUndefined();
});

test("flash attention is left out where attention is cheaper without, unless the settings need it", () => {
  const isOn = (wanted: Parameters<typeof flashAttentionOf>[0]): boolean => flashAttentionOf(wanted, true, true).on;
  expect([isOn({}), isOn({ flashAttention: "auto", cacheTypeV: "bf16" })]).toEqual([false, false]);
  expect([isOn({ flashAttention: "on" }), isOn({ cacheTypeV: "q8_0" })]).toEqual([true, true]);
});
