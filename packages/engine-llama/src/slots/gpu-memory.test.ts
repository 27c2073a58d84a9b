// Tests the names and the memory of GPUs, with a fake library.
import type { LlamaModel } from "node-llama-cpp";
import { expect, test } from "vitest";
import { gpuMemoryOf } from "./gpu-memory.ts";

const modelOn = (gpu: "cuda" | false, gpuLayers: number, names: readonly string[] = []): LlamaModel =>
  ({
    gpuLayers,
    llama: {
      gpu,
      getGpuDeviceNames: async () => names,
      getVramState: async () => ({ total: 20, used: 5, free: 15, unifiedSize: 0 }),
    },
  }) as unknown as LlamaModel;

test.each([
  [["NVIDIA H200"], "NVIDIA H200"],
  [["A", "B", "A"], "2 × A, B"],
  [["x".repeat(300)], "x".repeat(256)],
])("devices %j have the joined name %s", async (names, name) => {
  expect(await gpuMemoryOf(modelOn("cuda", 8, names))?.()).toEqual({ name, usedBytes: 5, totalBytes: 20 });
});

test("without layers on a GPU there is no GPU memory", () => {
  expect(gpuMemoryOf(modelOn(false, 0))).toBeUndefined();
  expect(gpuMemoryOf(modelOn("cuda", 0))).toBeUndefined();
});
