import { expect, test } from "vitest";
import { headerOfShape } from "../../recommended/index.ts";
import { shapeLike } from "../../recommended/known-shapes.ts";
import { madeUpModel } from "../../testing/made-up-model.ts";
import { decideSettings, type MemorySettings } from "../settings.ts";
import { computeBytes, type ComputeBytes } from "./compute.ts";
import { modelShapeOf } from "./layers.ts";

const shape = modelShapeOf(madeUpModel({}));
/** Bytes of a score in each of the 4 heads. */
const score = 4 * 4;

function computed(contextSize: number, settings: Partial<MemorySettings> = {}): ComputeBytes {
  const off = { slots: 4, contextSize, contextPool: contextSize, flashAttention: "off", ...settings } as const;
  return computeBytes(shape, decideSettings(shape, { kind: "generate", mustBeWhole: false }, off));
}

test("without flash attention, scores of a whole batch after the whole context are reserved", () => {
  expect(computed(65_536).reserved).toBeGreaterThan(512 * 65_536 * score);
});

test("a shared pool without flash attention has scores of 64 tokens after a long context", () => {
  const { written } = computed(65_536);
  expect(written).toBeGreaterThan(64 * 65_536 * score);
  expect(written).toBeLessThan(2 * 64 * 65_536 * score);
});

test("the scores take no more after a longer context, until those of 64 tokens take more", () => {
  const [short = 0, middle = 0, long = 0] = [4_096, 16_384, 32_768].map((cells) => computed(cells).written);
  // A mask and results of a whole batch are written after the beginning of a context.
  expect(middle).toBeGreaterThanOrEqual(short);
  expect(long).toBeLessThan(short + 2 ** 20);
});

test("slots that do not share a pool have scores of a whole batch", () => {
  expect(computed(65_536, { contextPool: undefined }).written).toBeGreaterThan(512 * 65_536 * score);
});

test("a short batch is not shortened further", () => {
  const batch = { batchSize: 32 };
  expect(computed(65_536, batch).written).toBe(computed(65_536, { ...batch, contextPool: undefined }).written);
});

// The sums of the tensors of a pass of 512 tokens in a context of 512, as ggml places them.
test.each([
  ["Llama 3.2 3B", 262.5, 72.5],
  ["Qwen3 8B", 312.8, 104.5],
  ["Gemma 3 4B", 522, 80],
  ["gpt-oss 20B", 404, 93.4],
  ["Qwen3 30B A3B", 304.8, 88.5],
])("%s takes at least the memory that ggml gives to its tensors, and not much more", (name, reserved, written) => {
  const model = modelShapeOf(headerOfShape(shapeLike(name)));
  const size = { slots: 1, contextSize: 512 };
  const bytes = computeBytes(model, decideSettings(model, { kind: "generate", mustBeWhole: false }, size));
  expect(bytes.reserved / (reserved * 2 ** 20)).toBeGreaterThanOrEqual(1);
  expect(bytes.reserved / (reserved * 2 ** 20)).toBeLessThanOrEqual(1.1);
  expect(bytes.written / (written * 2 ** 20)).toBeGreaterThanOrEqual(0.999);
  expect(bytes.written / (written * 2 ** 20)).toBeLessThanOrEqual(1.25);
});
