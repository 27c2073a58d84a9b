import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readGgufFile } from "@waggle/models/header";
import { attentionShapeOf } from "@waggle/models/memory";
import { needs } from "@waggle/testing";
import { shapeNamed, writeRandomModel } from "@waggle/testing/models";
import { getLlama } from "node-llama-cpp";
import { describe, expect, test } from "vitest";
import { loadLlamaBackend } from "../load/load.ts";
import type { AttentionOptions } from "./addon-decoder.ts";
import { nativeModelOf } from "./library-context.ts";
import { storyModel } from "../testing/story-model.ts";
import { loadAddon } from "./addon.ts";
import { attentionTileOf, contextCosts, isPlainCheaper, measureAttention } from "./attention.ts";

const shape = { layers: 30, heads: 9, keyHeads: 3, keyLength: 64, valueLength: 64 };
/** Measured with libraries for AVX2 and for AVX-512, 135M shape, one thread: only the first gains without flash attention. */
const avx2 = {
  ...{ cells: 2_048, threads: 1 },
  flash: { row_ms: 13, tile_ms: 2.7 },
  plain: { row_ms: 6.3, tile_ms: 4.2 },
};
const avx512 = { ...avx2, flash: { row_ms: 9.8, tile_ms: 1.9 }, plain: { row_ms: 6.5, tile_ms: 3.4 } };

describe("the choice of attention", () => {
  test("is that with the lower price of a request", () => {
    expect(isPlainCheaper(avx2)).toBe(true);
    expect(isPlainCheaper(avx512)).toBe(false);
  });

  test("stays with flash attention where the difference is small", () => {
    const less = (part: number) => ({
      ...avx2,
      plain: { row_ms: avx2.flash.row_ms * part, tile_ms: avx2.flash.tile_ms * part },
    });
    expect(isPlainCheaper(less(0.96))).toBe(false);
    expect(isPlainCheaper(less(0.94))).toBe(true);
  });

  test("weighs some hundred written tokens against some thousand read", () => {
    const price = (row: number, tile: number) => ({ ...avx2, plain: { row_ms: row, tile_ms: tile } });
    expect(isPlainCheaper(price(13, 2)), "quicker to read").toBe(true);
    expect(isPlainCheaper(price(12, 3.5)), "hardly quicker to write, and slower to read").toBe(false);
  });
});

test("the price of context is that of the chosen form, for 1,000 tokens and one thread", () => {
  const costs = { ...avx2, threads: 2, plain: { row_ms: 1.792, tile_ms: 0.896 } };
  expect(contextCosts(costs, false)).toEqual({ row_ms: 2, tile_ms: 1 });
  expect(contextCosts(costs, true).row_ms).toBeCloseTo(14.5, 1);
  expect([attentionTileOf(true), attentionTileOf(false)]).toEqual([64, 8]);
});

test("each form is measured four times for a row and for a tile, and a price is that of all layers for each token", async () => {
  const asked: AttentionOptions[] = [];
  const addon = {
    measureAttention: async (_: object, options: AttentionOptions) => {
      asked.push(options);
      return options.layers * (options.flash === 1 ? 2 : 1) * options.tokens;
    },
  } as never;
  const costs = await measureAttention({ addon, model: {}, shape, typeK: 1, typeV: 1, threads: 2 });
  expect(costs).toEqual({
    ...{ cells: 2_048, threads: 2 },
    flash: { row_ms: 60, tile_ms: 60 },
    plain: { row_ms: 30, tile_ms: 30 },
  });
  expect(asked.map(({ flash, tokens, repetitions }) => [flash, tokens, repetitions])).toEqual([
    [1, 1, 4],
    [1, 64, 4],
    [0, 1, 4],
    [0, 64, 4],
  ]);
});

describe("the addon", needs("Waggle's addon"), () => {
  test("decides for `auto` at load, and its prices are those of the choice", async () => {
    const folder = mkdtempSync(join(tmpdir(), "waggle-attention-"));
    const modelPath = join(folder, "long.gguf");
    const small = { layers: 2, width: 128, feedForward: 256, vocabulary: 2_048, heads: 4, kvHeads: 2, context: 4_096 };
    writeRandomModel({ ...shapeNamed("1b"), ...small }, modelPath);
    const factsOf = async (flashAttention: "auto" | "on") => {
      const backend = await loadLlamaBackend({ modelPath, slots: 2, threads: 1, device: "cpu", flashAttention });
      await backend.dispose();
      const { attention, settings } = backend.info;
      return { attention, hasFlash: settings?.flash_attention, prices: backend.generator?.contextCosts };
    };
    const { attention, hasFlash, prices } = await factsOf("auto");
    if (attention === undefined) throw new Error("Attention was not measured");
    expect(hasFlash).toBe(!isPlainCheaper(attention));
    expect(prices).toEqual(contextCosts(attention, hasFlash === true));
    expect((await factsOf("on")).hasFlash).toBe(true);
  });

  test("measures nothing for a model whose jobs are short", async () => {
    const backend = await loadLlamaBackend({ modelPath: storyModel, slots: 1, threads: 1, device: "cpu" });
    await backend.dispose();
    expect(backend.info.attention).toBeUndefined();
    expect(backend.info.settings?.flash_attention).toBe(true);
  });

  test("measures both forms, and refuses a shape that no model has", async () => {
    const llama = await getLlama({ gpu: false, build: "never", skipDownload: true });
    const model = await llama.loadModel({ modelPath: storyModel, gpuLayers: 0 });
    try {
      const { addon } = await loadAddon("waggle-llama");
      const story = attentionShapeOf(await readGgufFile(storyModel));
      if (addon === undefined || story === undefined)
        throw new Error("There is no addon, or the model has no attention");
      const options = { addon, model: nativeModelOf(model), typeK: 1, typeV: 1, threads: 1 };
      const { flash, plain } = await measureAttention({ ...options, shape: story });
      for (const ms of [flash.row_ms, flash.tile_ms, plain.row_ms, plain.tile_ms]) expect(ms).toBeGreaterThan(0);
      await expect(measureAttention({ ...options, shape: { ...story, keyHeads: 0 } })).rejects.toThrow(
        "Cannot measure attention of this shape",
      );
    } finally {
      await model.dispose();
      await llama.dispose();
    }
  });
});
