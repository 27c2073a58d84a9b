import { describe, expect, test } from "vitest";
import { madeUpModel } from "../testing/made-up-model.ts";
import { engineMemory, fittingMemory, type EngineSettings } from "./engine-memory.ts";
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

describe("slots that share a pool", () => {
  const shared = { slots, hasAddon: true };

  test("have a cache for the pool, and masks for the context of one job", () => {
    const memory = engineMemory(header, { ...shared, contextSize: 4_096, contextPool: 8_192 });
    const separate = engineMemory(header, { slots, contextSize: 4_096 });
    expect(memory).toMatchObject({ contextSize: 4_096, contextPool: 8_192, compute: separate.compute });
    expect(memory.kvCache).toBe(separate.kvCache / 4);
    expect(engineMemory(header, { ...shared, contextSize: 2_048, contextPool: 8_192 }).compute).toBeLessThan(
      memory.compute,
    );
  });

  test("have one cache on a GPU, with a mask for the whole pool", () => {
    const gpu = { ...shared, contextSize: 4_096, gpuFreeBytes: 1e12, gpuLayers: "all" } as const;
    const [smaller, larger] = [8_192, 16_384].map((contextPool) => engineMemory(header, { ...gpu, contextPool }));
    expect(larger?.kvCache).toBe(2 * (smaller?.kvCache ?? 0));
    expect(larger?.compute).toBeGreaterThan(smaller?.compute ?? Infinity);
  });

  test("take more memory without flash attention, and are sized with it if the settings do not say", () => {
    const size = { ...shared, contextSize: 8_192, contextPool: 8_192 };
    const [on, off, auto] = (["on", "off", "auto"] as const).map((flashAttention) =>
      engineMemory(header, { ...size, flashAttention }),
    );
    expect(on?.total).toBeLessThan(off?.total ?? 0);
    expect(auto).toEqual(on);
  });

  test.each([
    ["without our addon", header, { hasAddon: false }],
    ["on a GPU without flash attention", header, { flashAttention: "off", gpuFreeBytes: 1e12 }],
    ["with a recurrent state", recurrent(), {}],
  ] as const)("do not exist %s", (_, model, settings) => {
    const memory = engineMemory(model, { ...shared, contextPool: 8_192, ...settings });
    expect(memory).toMatchObject({ contextSize: 1_024, contextPool: 8_192 });
  });
});

function recurrent(): ReturnType<typeof madeUpModel> {
  return madeUpModel({ architecture: "mamba", values: { "ssm.inner_size": 256, "ssm.state_size": 16 } });
}

describe("the memory within a budget", () => {
  test("has the longest context with which the engine takes no more", () => {
    const { host } = engineMemory(header, { slots, contextSize: 2_048 });
    const within = (bytes: number): number | undefined =>
      fittingMemory(header, { slots }, (memory) => memory.host <= bytes)?.contextSize;
    expect(within(host)).toBe(2_048);
    expect(within(host - 1)).toBe(1_792);
    expect(within(1e15)).toBe(4_096);
    expect(within(64 << 20)).toBeUndefined();
  });

  test("has the largest pool, which one job may fill", () => {
    const { host } = engineMemory(header, { slots, hasAddon: true, contextPool: 2_048 });
    const memory = fittingMemory(header, { slots, hasAddon: true }, (one) => one.host <= host);
    expect(memory).toMatchObject({ contextSize: 2_048, contextPool: 2_048 });
  });

  test("has the configured context, even if it does not fit", () => {
    const configured = { slots, contextSize: 512 };
    expect(fittingMemory(header, configured, () => false)).toEqual(engineMemory(header, configured));
  });
});
