// Tests that each setting for loading has an effect, that errors about impossible settings have the flag, and that all bindings have the same results.
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { entryTokens } from "@waggle/engine";
import type { TokenLogprobs } from "@waggle/engine";
import { driveSlots, type DrivenBackend } from "@waggle/engine/testing";
import { SamplingSchema } from "@waggle/protocol";
import { writeLora } from "@waggle/testing/models";
import { adaptersContract, needs } from "@waggle/testing";
import { beforeAll, describe, expect, test } from "vitest";
import { bindings, loadOn } from "../testing/bindings.ts";
import { generate } from "../testing/generate.ts";
import { storyModel } from "../testing/story-model.ts";
import { loadLlamaBackend, type LlamaBackendOptions } from "../load/load.ts";

const base: LlamaBackendOptions = {
  modelPath: storyModel,
  slots: 2,
  contextSize: 256,
  batchSize: 64,
  threads: 1,
  device: "cpu",
};
const story = "Once upon a time there was a little bee. One day the bee went to the garden and saw a big red flower.";
const greedy = { ...SamplingSchema.parse({ temperature: 0 }), seed: 1, topLogprobs: 3 };
const count = 12;

const folder = mkdtempSync(join(tmpdir(), "waggle-settings-"));
const adapter = join(folder, "adapter.gguf");
beforeAll(() => {
  const matrices = Array.from({ length: 6 }, (_, layer) => [
    { name: `blk.${layer}.attn_q.weight`, columns: 128, rows: 128 },
    { name: `blk.${layer}.ffn_down.weight`, columns: 352, rows: 128 },
  ]).flat();
  writeLora({ architecture: "llama", matrices }, adapter);
});

interface Answer {
  readonly tokens: readonly number[];
  /** Logprobs of the first token. */
  readonly first: TokenLogprobs | undefined;
}

async function answerOf(backend: DrivenBackend): Promise<Answer> {
  const prompt = entryTokens((await backend.tokenize({ kind: "text", text: story })).entries);
  const { tokens, results } = await generate(backend, { slot: 1, prompt, sampling: greedy, count });
  return { tokens, first: results[0]?.logprobs };
}

async function answerWith(
  options: Partial<LlamaBackendOptions>,
): Promise<Answer & { readonly backend: DrivenBackend }> {
  const backend = driveSlots(await loadLlamaBackend({ ...base, ...options }));
  try {
    return { ...(await answerOf(backend)), backend };
  } finally {
    await backend.dispose();
  }
}

const plain = answerWith({});

test("without settings, the info has the defaults", async () => {
  const { backend } = await plain;
  expect(backend.info.settings).toEqual({
    batch_size: 64,
    cache_type_k: "f16",
    cache_type_v: "f16",
    flash_attention: true,
    gpu_layers: 0,
    mmap: true,
    mlock: false,
    lora: [],
  });
});

describe("the types of the KV cache", () => {
  test.each(["bf16", "q8_0", "iq4_nl"] as const)("%s", async (type) => {
    const { tokens, first, backend } = await answerWith({ cacheTypeK: type, cacheTypeV: type });
    const expected = await plain;
    expect(backend.info.settings).toMatchObject({ cache_type_k: type, cache_type_v: type });
    // The logprobs differ, but the first tokens are the same. A cache whose bytes are read as another type would give other tokens.
    expect(first).not.toEqual(expected.first);
    expect(first?.logprob).toBeCloseTo(expected.first?.logprob ?? 0, 0);
    expect(tokens.slice(0, 4)).toEqual(expected.tokens.slice(0, 4));
  });

  test("a smaller type makes smaller snapshots, and snapshots of another type are not loaded", async () => {
    const statesFolder = join(folder, "states");
    async function save(cacheTypeK: "f16" | "q8_0"): Promise<{ bytes: number; found: number }> {
      const cache = { statesFolder, cacheTypeK, cacheTypeV: cacheTypeK };
      const backend = driveSlots(await loadLlamaBackend({ ...base, ...cache }));
      await answerOf(backend);
      const found = backend.states?.found.length ?? -1;
      const tokens = entryTokens((await backend.tokenize({ kind: "text", text: story })).entries);
      const state = await backend.states?.save(1, tokens, "scope");
      await backend.dispose();
      return { bytes: state?.bytes ?? 0, found };
    }
    const whole = await save("f16");
    const small = await save("q8_0");
    expect(small.bytes / whole.bytes).toBeCloseTo(34 / 64, 1);
    expect([whole.found, small.found]).toEqual([0, 0]);
    expect((await save("q8_0")).found).toBe(1);
  });

  test("without flash attention, may be quantized for K but not for V", async () => {
    const { backend, tokens, first } = await answerWith({ flashAttention: "off", cacheTypeK: "q8_0" });
    expect(backend.info.settings).toMatchObject({ flash_attention: false, cache_type_k: "q8_0", cache_type_v: "f16" });
    expect(first).not.toEqual((await plain).first);
    expect(tokens[0]).toBe((await plain).tokens[0]);
    await expect(loadLlamaBackend({ ...base, flashAttention: "off", cacheTypeV: "q8_0" })).rejects.toThrow(
      `Cannot load model ${storyModel}: --cache-type-v q8_0: a quantized V cache needs flash attention, and --flash-attention is off`,
    );
  });
});

describe("rotary positions", () => {
  test.each<[string, Partial<LlamaBackendOptions>, object]>([
    ["another base", { ropeFreqBase: 500_000 }, { scaling: "linear", freq_base: 500_000, freq_scale: 1 }],
    ["linear scaling", { ropeScaling: "linear", ropeFreqScale: 0.5 }, { scaling: "linear", freq_scale: 0.5 }],
    ["YaRN", { ropeScaling: "yarn", ropeFreqScale: 0.5, yarnOrigCtx: 128 }, { scaling: "yarn", yarn_orig_ctx: 128 }],
  ])("%s", async (_, options, expected) => {
    const { first, backend } = await answerWith(options);
    expect(first).not.toEqual((await plain).first);
    expect(backend.info.settings?.rope).toMatchObject(expected);
  });

  test("settings equal to the model's change nothing", async () => {
    const { first } = await answerWith({ ropeFreqBase: 10_000, ropeFreqScale: 1, ropeScaling: "linear" });
    expect(first).toEqual((await plain).first);
  });

  test("a stretched context is accepted without a warning", async () => {
    const lines: string[] = [];
    const log: LlamaBackendOptions["log"] = (_, message) => void lines.push(message);
    await answerWith({ contextSize: 1_024, ropeScaling: "yarn", ropeFreqScale: 0.5, log });
    expect(lines.filter((line) => line.startsWith("A context of"))).toEqual([]);
  });

  test("settings without effect are rejected", async () => {
    await expect(loadLlamaBackend({ ...base, yarnOrigCtx: 128 })).rejects.toThrow(
      "--yarn-orig-ctx 128: the scaling is linear; add --rope-scaling yarn",
    );
  });
});

describe("LoRA adapters", () => {
  test("change the answer according to their scale, and not at all with a scale of 0", async () => {
    const half = await answerWith({ lora: [{ path: adapter, scale: 0.5 }] });
    const whole = await answerWith({ lora: [{ path: adapter, scale: 1 }] });
    const none = await answerWith({ lora: [{ path: adapter, scale: 0 }] });
    const expected = await plain;
    expect(none.first).toEqual(expected.first);
    const distance = ({ first }: Answer): number => Math.abs((first?.logprob ?? 0) - (expected.first?.logprob ?? 0));
    expect(distance(half)).toBeGreaterThan(0);
    expect(distance(whole)).toBeGreaterThan(distance(half));
    expect(whole.backend.info.settings?.lora).toEqual([{ id: 0, file: "adapter.gguf", scale: 1 }]);
  });

  test("change embeddings, too", async () => {
    const vectorOf = async (options: Partial<LlamaBackendOptions>): Promise<readonly number[] | undefined> => {
      const { embedder, dispose } = await loadLlamaBackend({ ...base, ...options });
      const tokens = (await embedder?.tokenize(story)) ?? [];
      const vector = await embedder?.feed({ tokens, first: true, last: true });
      await dispose();
      return vector;
    };
    const expected = await vectorOf({});
    expect(await vectorOf({ lora: [{ path: adapter, scale: 1 }] })).not.toEqual(expected);
  });

  test("that cannot be loaded are rejected, with the file in the error", async () => {
    const refusal = async (path: string, more: readonly string[] = []): Promise<string> => {
      const lora = [path, ...more].map((file) => ({ path: file, scale: 1 }));
      return await loadLlamaBackend({ ...base, lora }).then(String, (error: Error) => error.message);
    };
    const noise = join(folder, "noise.gguf");
    writeFileSync(noise, "noise");
    const foreign = join(folder, "foreign.gguf");
    writeLora({ architecture: "gpt2", matrices: [] }, foreign);
    const start = `Cannot load model ${storyModel}: --lora`;
    expect(await refusal(join(folder, "missing.gguf"))).toBe(`${start} ${join(folder, "missing.gguf")}: no such file`);
    expect(await refusal(noise)).toBe(`${start} ${noise}: not a GGUF file`);
    expect(await refusal(adapter, [adapter])).toBe(`${start} ${adapter}: given twice`);
    expect(await refusal(storyModel)).toBe(`${start} ${storyModel}: not a LoRA adapter`);
    expect(await refusal(foreign)).toBe(`${start} ${foreign}: made for architecture gpt2, and the model is llama`);
    const other = join(folder, "other.gguf");
    writeLora({ architecture: "llama", matrices: [{ name: "blk.0.attn_q.weight", columns: 64, rows: 64 }] }, other);
    expect(await refusal(other)).toContain(`${start} ${other}: `);
  });
});

adaptersContract("the llama backend", async () => {
  return await loadLlamaBackend({ ...base, lora: [{ path: adapter, scale: 0.5 }] });
});

describe("memory", () => {
  test("the answer is the same with mapped and with read weights", async () => {
    const backend = driveSlots(await loadLlamaBackend({ ...base, mmap: false }));
    expect(backend.info.settings?.mmap).toBe(false);
    expect((await answerOf(backend)).first).toEqual((await plain).first);
    if (process.platform === "linux") expect(isMapped()).toBe(false);
    await backend.dispose();
    const usual = await loadLlamaBackend(base);
    if (process.platform === "linux") expect(isMapped()).toBe(true);
    await usual.dispose();
  });

  const isMapped = (): boolean => readFileSync("/proc/self/maps", "utf8").includes(storyModel);

  test("`mlock` locks the weights, or the log has a warning", needs("Linux"), async () => {
    const lines: string[] = [];
    const log: LlamaBackendOptions["log"] = (_, message) => void lines.push(message);
    const backend = await loadLlamaBackend({ ...base, mlock: true, log });
    const [, locked] = /VmLck:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
    await backend.dispose();
    const complaint = lines.some((line) => line.startsWith("--mlock:"));
    expect(complaint).toBe(Number(locked) * 1_024 < backend.info.modelBytes * 0.95);
  });
});

test.each([["all" as const], [3]])("%s layers on a GPU are rejected without a GPU", async (gpuLayers) => {
  await expect(loadLlamaBackend({ ...base, gpuLayers })).rejects.toThrow(
    `Cannot load model ${storyModel}: --gpu-layers ${gpuLayers}: there is no GPU`,
  );
});

test(
  "all bindings have the same results with a quantized cache, other positions and an adapter",
  needs("Waggle's addon"),
  async () => {
    const changed: LlamaBackendOptions = {
      ...base,
      cacheTypeK: "q8_0",
      cacheTypeV: "q5_1",
      ropeScaling: "yarn",
      ropeFreqScale: 0.5,
      lora: [{ path: adapter, scale: 0.5 }],
    };
    const answers = [];
    for (const binding of bindings) {
      const backend = driveSlots(await loadOn(binding, changed));
      answers.push(await answerOf(backend));
      await backend.dispose();
    }
    const [expected, ...others] = answers;
    expect(expected?.first).not.toEqual((await plain).first);
    for (const { tokens, first } of others) {
      expect(tokens).toEqual(expected?.tokens);
      expect(first?.logprob).toBeCloseTo(expected?.first?.logprob ?? 0, 4);
    }
  },
);
