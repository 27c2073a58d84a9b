import { describe, expect, test } from "vitest";
import { madeUpModel } from "../testing/made-up-model.ts";
import { estimateMemory } from "./estimate.ts";
import { engineProcessBytes, largestFit } from "./largest-fit.ts";
import type { Machine } from "./machine.ts";

const header = madeUpModel({
  layers: 4,
  tensors: [
    ["output.weight", 64 << 20],
    ["blk.3.ffn_up.weight", 64 << 20],
  ],
});
/** A machine with just enough memory for a context of this size. */
const machineFor = (contextSize: number): Machine => {
  const { resident } = estimateMemory(header, { slots: 2, contextSize });
  return { freeBytes: resident + engineProcessBytes };
};

describe("the largest fit", () => {
  test("is the requested context if it fits", () => {
    const fit = largestFit(header, { freeBytes: 1e12 }, { slots: 2, contextSize: 1_024 });
    expect(fit).toMatchObject({ verdict: "fits", slots: 2, contextSize: 1_024, largestContext: 4_096, gpu: "none" });
    expect(fit.largestSlots).toBe(64);
  });

  test("is the trained context by default, up to 8,192 tokens", () => {
    expect(largestFit(header, { freeBytes: 1e12 }).contextSize).toBe(4_096);
    const long = madeUpModel({ values: { context_length: 131_072 } });
    expect(largestFit(long, { freeBytes: 1e12 })).toMatchObject({ contextSize: 8_192, largestContext: 131_072 });
  });

  test("is the longest context that fits", () => {
    expect(largestFit(header, machineFor(2_048), { slots: 2 })).toMatchObject({
      verdict: "smaller",
      contextSize: 2_048,
      largestContext: 2_048,
    });
    const { freeBytes } = machineFor(2_048);
    expect(largestFit(header, { freeBytes: freeBytes - 1 }, { slots: 2 }).largestContext).toBe(1_792);
  });

  test("has as many slots as fit", () => {
    expect(largestFit(header, machineFor(2_048), { contextSize: 2_048 }).largestSlots).toBe(2);
  });

  test("is a pool that one job may fill, where the slots share it", () => {
    const long = madeUpModel({ values: { context_length: 131_072 } });
    const wanted = { slots: 8, hasAddon: true };
    expect(largestFit(long, { freeBytes: 1e12 }, wanted)).toMatchObject({
      ...{ verdict: "fits", isShared: true, contextSize: 65_536, contextPool: 65_536, largestContext: 131_072 },
    });
    const { resident } = estimateMemory(long, { slots: 8, contextSize: 16_384, contextPool: 16_384 });
    const machine = { freeBytes: resident + engineProcessBytes };
    const smaller = { verdict: "smaller", contextSize: 16_384, contextPool: 16_384, largestContext: 16_384 };
    expect(largestFit(long, machine, wanted)).toMatchObject(smaller);
    const short = largestFit(long, machine, { ...wanted, contextSize: 2_048, contextPool: 100_000 });
    expect(short).toMatchObject({ verdict: "fits", contextSize: 2_048, contextPool: 16_384 });
    const shorter = largestFit(long, machine, { ...wanted, contextSize: 8_192 });
    expect(shorter).toMatchObject({ verdict: "smaller", contextSize: 8_192 });
    expect(shorter.contextPool).toBeGreaterThanOrEqual(16_384);
    expect(shorter.contextPool).toBeLessThan(65_536);
  });

  test("does not exist if not even the weights fit", () => {
    expect(largestFit(header, { freeBytes: 1e6 })).toMatchObject({
      verdict: "none",
      largestContext: 0,
      largestSlots: 0,
      contextSize: 4_096,
    });
  });
});

describe("a GPU", () => {
  const gpu = (freeBytes: number): Machine => ({ freeBytes: 1e12, gpu: { name: "one", freeBytes } });

  test("takes the whole model if it fits", () => {
    expect(largestFit(header, gpu(1e12))).toMatchObject({ gpu: "whole", gpuLayers: 5 });
  });

  test("takes as many layers as fit", () => {
    const { gpu: needed } = estimateMemory(header, { slots: 1, contextSize: 4_096, gpuLayers: 2 });
    expect(largestFit(header, gpu(needed))).toMatchObject({ gpu: "part", gpuLayers: 2 });
    expect(largestFit(header, gpu(needed - 1)).gpuLayers).toBeLessThan(2);
  });

  test("takes no layer if no layer fits, or if the settings have 0", () => {
    expect(largestFit(header, gpu(1e6))).toMatchObject({ verdict: "fits", gpu: "none", gpuLayers: 0 });
    expect(largestFit(header, gpu(1e12), { gpuLayers: 0 }).gpu).toBe("none");
  });

  test("has separate slots without flash attention", () => {
    const off = { slots: 8, hasAddon: true, flashAttention: "off" } as const;
    expect(largestFit(header, gpu(1e12), off).isShared).toBe(false);
    expect(largestFit(header, gpu(1e12), { ...off, gpuLayers: 0 }).isShared).toBe(true);
    expect(largestFit(header, { freeBytes: 1e12 }, off).isShared).toBe(true);
  });

  test("that cannot take the requested layers is an error", () => {
    expect(largestFit(header, gpu(1e6), { gpuLayers: 3 }).verdict).toBe("none");
  });
});

describe("the estimated speed", () => {
  const bandwidth = { bytesPerSecond: 1e9, error: 0, threads: 1 };

  test("is the bandwidth divided by the bytes that a token reads", () => {
    const model = madeUpModel({
      layers: 1,
      tensors: [
        ["output.weight", 1e8],
        ["token_embd.weight", 4e9],
      ],
    });
    const { tokensPerSecond } = largestFit(model, { freeBytes: 1e12, bandwidth });
    // 100 MB of weights, and a little cache.
    expect(tokensPerSecond).toBeGreaterThan(9.9);
    expect(tokensPerSecond).toBeLessThan(10);
  });

  test("counts only the experts that a token uses", () => {
    const values = { expert_count: 8, expert_used_count: 2 };
    const model = madeUpModel({ layers: 1, values, tensors: [["blk.0.ffn_up_exps.weight", 4e8]] });
    const { tokensPerSecond } = largestFit(model, { freeBytes: 1e12, bandwidth });
    expect(tokensPerSecond).toBeGreaterThan(9.9);
    expect(tokensPerSecond).toBeLessThan(10);
  });

  test("is undefined if a bandwidth is unknown, and for models that do not generate text", () => {
    expect(largestFit(header, { freeBytes: 1e12 }).tokensPerSecond).toBeUndefined();
    const gpu = { name: "one", freeBytes: 1e12 };
    expect(largestFit(header, { freeBytes: 1e12, bandwidth, gpu }).tokensPerSecond).toBeUndefined();
    const embeds = madeUpModel({ architecture: "bert", values: { pooling_type: 1 } });
    expect(largestFit(embeds, { freeBytes: 1e12, bandwidth }).tokensPerSecond).toBeUndefined();
  });
});
