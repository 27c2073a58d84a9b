import { describe, expect, test } from "vitest";
import { madeUpModel } from "../testing/made-up-model.ts";
import { passTokensBehind, sharesContext } from "./settings.ts";

const header = madeUpModel({});
const recurrent = madeUpModel({ architecture: "mamba", values: { "ssm.inner_size": 256, "ssm.state_size": 16 } });
const reader = madeUpModel({ architecture: "bert", values: { pooling_type: 1 } });
/** Never with flash attention. */
const without = madeUpModel({ architecture: "gemma2" });

test.each([
  [0, 2 ** 21],
  [4_096, 512],
  [5_000, 419],
  [32_768, 64],
  [131_072, 64],
])("after %i cells, a pass without flash attention has at most %i tokens", (cells, tokens) => {
  expect(passTokensBehind(cells)).toBe(tokens);
});

describe("slots", () => {
  const gpuFreeBytes = 1e12;

  test.each([
    ["on a CPU", header, {}],
    ["on a CPU without flash attention", header, { flashAttention: "off" }],
    ["of a model that has no flash attention", without, {}],
    [
      "on the CPU next to a GPU, without flash attention",
      header,
      { flashAttention: "off", gpuLayers: 0, gpuFreeBytes },
    ],
    ["on a GPU", header, { gpuLayers: "all", gpuFreeBytes }],
  ] as const)("share a pool %s", (_, model, options) => {
    expect(sharesContext(model, { hasAddon: true, ...options })).toBe(true);
  });

  test.each([
    ["without our addon", header, { hasAddon: false }],
    ["with a recurrent state", recurrent, {}],
    ["of a model that does not generate", reader, {}],
    ["on a GPU without flash attention", header, { flashAttention: "off", gpuFreeBytes }],
    ["with all layers on a GPU and no flash attention", header, { flashAttention: false, gpuLayers: "all" }],
    ["with a layer on a GPU, of a model that has no flash attention", without, { gpuLayers: 1 }],
  ] as const)("do not share a pool %s", (_, model, options) => {
    expect(sharesContext(model, { hasAddon: true, ...options })).toBe(false);
  });
});
