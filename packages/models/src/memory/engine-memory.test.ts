import { describe, expect, test } from "vitest";
import { madeUpModel } from "../testing/made-up-model.ts";
import { engineMemory, largestContext, type EngineSettings } from "./engine-memory.ts";
import { estimateMemory } from "./estimate.ts";
import { engineProcessBytes } from "./largest-fit.ts";

const header = madeUpModel({ layers: 4, tensors: [["output.weight", 64 << 20]] });
const slots = 8;

describe("an engine", () => {
  test("takes the model's memory, and that of its process", () => {
    const memory = engineMemory(header, { slots, contextSize: 2_048 });
    const { weights, cache, resident, vocabulary } = estimateMemory(header, { slots, contextSize: 2_048 });
    expect(memory).toMatchObject({ weights, kvCache: cache, process: engineProcessBytes + vocabulary, gpu: 0 });
    expect(memory.total).toBe(resident + engineProcessBytes);
    expect(memory.weights + memory.kvCache + memory.compute + memory.process).toBe(memory.total);
    expect(memory.host).toBe(memory.total);
    expect(memory.contextSize).toBe(2_048);
  });

  test("has the trained context by default, up to 8,192 tokens", () => {
    const of = (context_length: number): number =>
      engineMemory(madeUpModel({ values: { context_length } }), { slots }).kvCache;
    expect(of(4_096)).toBe(2 * of(2_048));
    expect(of(131_072)).toBe(of(8_192));
  });

  test("that embeds has at most the trained context", () => {
    const embeds = madeUpModel({ architecture: "bert", values: { pooling_type: 1, context_length: 512 } });
    expect(engineMemory(embeds, { slots, contextSize: 8_192 })).toEqual(
      engineMemory(embeds, { slots, contextSize: 512 }),
    );
  });

  test.each<
    [what: keyof EngineSettings, settings: Partial<EngineSettings>, part: "kvCache" | "compute", than: "less" | "more"]
  >([
    ["cacheTypeK", { cacheTypeK: "q8_0" }, "kvCache", "less"],
    ["cacheTypeV", { cacheTypeV: "q4_0" }, "kvCache", "less"],
    ["slots", { slots: 9 }, "kvCache", "more"],
    ["batchSize", { batchSize: 2_048 }, "compute", "more"],
    ["flashAttention", { flashAttention: "off" }, "compute", "more"],
  ])("takes another amount with another %s", (_, settings, part, than) => {
    const usual = engineMemory(header, { slots, contextSize: 2_048 })[part];
    const other = engineMemory(header, { slots, contextSize: 2_048, ...settings })[part];
    expect(than === "less" ? other < usual : other > usual).toBe(true);
  });

  test("counts adapters as weights", () => {
    const [plain, adapted] = [engineMemory(header, { slots }), engineMemory(header, { slots, loraBytes: 1_000 })];
    expect([adapted.weights - plain.weights, adapted.total - plain.total]).toEqual([1_000, 1_000]);
  });

  test("has weights that the system may drop, unless mmap is off", () => {
    expect(engineMemory(header, { slots }).mapped).toBe(engineMemory(header, { slots }).weights);
    expect(engineMemory(header, { slots, mmap: false }).mapped).toBe(0);
  });
});

describe("a GPU", () => {
  test("takes the layers that fit by default, and the layers of the settings if they are set", () => {
    const roomy = engineMemory(header, { slots, gpuFreeBytes: 1e12 });
    expect(roomy.gpu).toBeGreaterThan(64 << 20);
    expect(roomy.host + roomy.gpu).toBe(roomy.total);
    expect(roomy.mapped).toBeLessThan(roomy.weights - (64 << 20) + 1);
    expect(engineMemory(header, { slots, gpuFreeBytes: roomy.gpu - 1 }).gpu).toBeLessThan(roomy.gpu - 1);
    expect(engineMemory(header, { slots, gpuFreeBytes: 1, gpuLayers: "all" })).toEqual(roomy);
    expect(engineMemory(header, { slots, gpuFreeBytes: 1e12, gpuLayers: 0 }).gpu).toBe(0);
  });

  test("that does not exist takes no layers", () => {
    expect(engineMemory(header, { slots, gpuLayers: "all" }).gpu).toBe(0);
  });
});

describe("the largest context for a budget", () => {
  test("is the longest with which the engine takes no more memory", () => {
    const { host } = engineMemory(header, { slots, contextSize: 2_048 });
    expect(largestContext(header, { slots }, host)).toBe(2_048);
    expect(largestContext(header, { slots }, host - 1)).toBe(1_792);
  });

  test("is at most the trained context", () => {
    expect(largestContext(header, { slots }, 1e15)).toBe(4_096);
  });

  test("is undefined if not even the shortest fits", () => {
    expect(largestContext(header, { slots }, 64 << 20)).toBeUndefined();
  });

  test("also fits on the GPU", () => {
    const settings = { slots, gpuLayers: "all" } as const;
    const { gpu } = engineMemory(header, { ...settings, contextSize: 1_024, gpuFreeBytes: 0 });
    expect(largestContext(header, { ...settings, gpuFreeBytes: gpu }, 1e15)).toBe(1_024);
  });
});
