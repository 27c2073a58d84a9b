import { expect, test } from "vitest";
import { madeUpModel } from "../../testing/made-up-model.ts";
import { decideSettings, type MemorySettings } from "../settings.ts";
import { cacheBytes } from "./cache.ts";
import { modelShapeOf } from "./layers.ts";

const shape = modelShapeOf(madeUpModel({}));
/** Bytes: half floats of keys, or of values, for a token; 2 heads of 32 numbers in 2 layers. */
const half = 2 * 2 * 64;
const off = { slots: 4, contextSize: 8_192, contextPool: 10_240, flashAttention: "off" } as const;

function bytesOf(settings: MemorySettings): number {
  const { host, gpu } = cacheBytes(shape, decideSettings(shape, { kind: "generate", mustBeWhole: false }, settings));
  return host + gpu;
}

test("a pool has keys and values of its tokens", () => {
  expect(bytesOf({ ...off, flashAttention: "on" })).toBe(2 * half * 10_240);
});

test("without flash attention, each slot has a page of each value's numbers that may be almost empty", () => {
  expect(bytesOf(off)).toBe(half * (10_240 + 10_240 + 4 * 2_048));
  expect(bytesOf({ ...off, cacheTypeV: "f32" })).toBe(half * (10_240 + 2 * (10_240 + 4 * 1_024)));
});

test("slots without flash attention have at most the pages of their whole contexts", () => {
  expect(bytesOf({ ...off, contextPool: 30_000 })).toBe(half * (30_208 + 4 * 8_192));
  expect(bytesOf({ ...off, contextSize: 512 })).toBe(half * (4 * 512 + 4 * 2_048));
});

test("separate slots without flash attention have keys and values of their cells", () => {
  expect(bytesOf({ ...off, contextPool: undefined })).toBe(2 * half * 4 * 8_192);
  expect(bytesOf({ ...off, gpuLayers: 1 })).toBe(2 * half * 4 * 8_192);
});
