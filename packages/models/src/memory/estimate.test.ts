import { describe, expect, test } from "vitest";
import { madeUpModel } from "../testing/made-up-model.ts";
import { estimateMemory } from "./estimate.ts";

const size = { slots: 2, contextSize: 1_000, batchSize: 64 };
/** Bytes: half floats of keys and values, 2 heads of 32 numbers, 2 layers, 2 slots of 1,024 cells. */
const cache = 2 * 2 * 64 * 2 * 2 * 1_024;

describe("the cache", () => {
  test("counts all slots, padded to multiples of 256 tokens", () => {
    expect(estimateMemory(madeUpModel({}), size).cache).toBe(cache);
  });

  test("has the types of the settings", () => {
    const q8 = estimateMemory(madeUpModel({}), { ...size, cacheTypeK: "q8_0", cacheTypeV: "q8_0" }).cache;
    expect(q8).toBe((cache / 2) * (34 / 32));
    expect(() => estimateMemory(madeUpModel({}), { ...size, cacheTypeK: "q9" })).toThrow("unknown cache type q9");
  });

  test("follows the length of heads, and counts layers that share a cache once", () => {
    const long = madeUpModel({ values: { "attention.key_length": 64, "attention.value_length": 64 } });
    expect(estimateMemory(long, size).cache).toBe(2 * cache);
    const shared = madeUpModel({ architecture: "gemma4", values: { "attention.shared_kv_layers": 1 } });
    expect(estimateMemory(shared, size).cache).toBe(cache / 2);
  });

  test("is absent for recurrent layers, which have a state for each slot", () => {
    const values = {
      "ssm.inner_size": 256,
      "ssm.state_size": 16,
      "ssm.conv_kernel": 4,
      "attention.head_count_kv": [0, 2],
    };
    const { cache: kept, state } = estimateMemory(madeUpModel({ architecture: "jamba", values }), size);
    expect(kept).toBe(cache / 2);
    expect(state).toBe(2 * 4 * (3 * 256 + 256 * 16));
  });

  test("counts every fourth layer for interleaved attention", () => {
    const values = { "ssm.inner_size": 256, "ssm.state_size": 16, "ssm.conv_kernel": 4 };
    const { cache: kept } = estimateMemory(madeUpModel({ architecture: "qwen35", layers: 8, values }), size);
    expect(kept).toBe(cache);
  });

  test("is absent for an encoder", () => {
    expect(estimateMemory(madeUpModel({ architecture: "bert", values: { pooling_type: 1 } }), size).cache).toBe(0);
  });
});

describe("with layers on a GPU", () => {
  const tensors = [
    ["token_embd.weight", 1 << 20],
    ["output.weight", 1 << 20],
    ["blk.0.ffn_up.weight", 4 << 20],
    ["blk.1.ffn_up.weight", 8 << 20],
  ] as const;
  const header = madeUpModel({ tensors });

  test("the last layers move first, each with its part of the cache", () => {
    const none = estimateMemory(header, size);
    expect(none.gpu).toBe(0);
    const one = estimateMemory(header, { ...size, gpuLayers: 1 });
    const two = estimateMemory(header, { ...size, gpuLayers: 2 });
    // A single GPU layer is the output matrix alone.
    expect(two.gpu - one.gpu).toBe((8 << 20) + 512 + cache / 2);
    expect(two.weights).toBe(none.weights);
  });

  test("the token embeddings stay on the host, even if all layers are on the GPU", () => {
    const { host, gpu, weights, vocabulary, output } = estimateMemory(header, { ...size, gpuLayers: 99 });
    expect(gpu).toBeGreaterThan(weights - (1 << 20) + cache);
    expect(host - vocabulary - output).toBeLessThan((1 << 20) + (1 << 19));
  });

  test("a model without an output matrix has its token embeddings on the host and on the GPU", () => {
    const tied = madeUpModel({ tensors: [["token_embd.weight", 1 << 20]] });
    const [host, gpu] = [estimateMemory(tied, size), estimateMemory(tied, { ...size, gpuLayers: 99 })];
    expect(gpu.weights - host.weights).toBe(1 << 20);
  });
});

test("token embeddings that the CPU repacks for the output are in memory twice", () => {
  const header = madeUpModel({ tensors: [["token_embd.weight", 1 << 20]] });
  const q4 = { ...header, tensors: header.tensors.map((tensor) => ({ ...tensor, type: "Q4_K" })) };
  expect(estimateMemory(q4, size, { processor: "x64" }).weights - estimateMemory(header, size).weights).toBe(1 << 20);
});

test("space for the logits of a whole prompt is reserved, but not resident", () => {
  const { compute, total, resident } = estimateMemory(madeUpModel({ values: { vocab_size: 100_000 } }), size);
  expect(compute).toBeGreaterThan(64 * 100_000 * 4);
  expect(total - resident).toBeGreaterThan(60 * 100_000 * 4);
});

test("sizes below 1 are rejected", () => {
  expect(() => estimateMemory(madeUpModel({}), { ...size, slots: 0 })).toThrow("slots: 0 is too small");
  expect(() => estimateMemory(madeUpModel({}), { ...size, contextSize: Number.NaN })).toThrow(
    "context size: NaN is too small",
  );
});
