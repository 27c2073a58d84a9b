import type { Speeds } from "@waggle/worker/tune";
import { describe, expect, it } from "vitest";
import { bestOf, bestOfEachOption, bestThreads, gainOf, type Result, type Rule } from "./choose.ts";
import { formatDiff, formatReport, reportData, type TuneReport } from "./report.ts";
import { combined, present, threadCounts, variantsOf, type Settings, type Variant } from "./variants.ts";

const usual = { batchSize: 512, flashAttention: true, cacheTypeK: "f16", cacheTypeV: "f16", promptTokens: 1_024 };
const names = (variants: readonly Variant[]): readonly string[] => variants.map(({ name }) => name);

describe("the variants", () => {
  it("are the other values of each option that make a difference", () => {
    expect(names(variantsOf(usual, []))).toEqual([
      "flash attention off",
      "batch of 256",
      "batch of 1024",
      "batch of 2048",
      "KV cache in q8_0",
    ]);
    expect(names(variantsOf({ ...usual, promptTokens: 300 }, ["batch-size"]))).toEqual(["batch of 256"]);
    expect(variantsOf(usual, ["cache-type"])[0]?.flags).toEqual({ "cache-type-k": "q8_0", "cache-type-v": "q8_0" });
  });

  it("leave out what cannot be loaded: a quantized V cache needs flash attention", () => {
    const quantized = { ...usual, cacheTypeK: "q8_0", cacheTypeV: "q8_0" };
    expect(names(variantsOf(quantized, ["flash-attention", "cache-type"]))).toEqual(["KV cache in f16"]);
    expect(names(variantsOf({ ...usual, flashAttention: false }, ["flash-attention", "cache-type"]))).toEqual([
      "flash attention on",
    ]);
  });

  it("are combined into one", () => {
    expect(combined(variantsOf(usual, []).slice(0, 2))).toEqual({
      name: "flash attention off, batch of 256",
      option: undefined,
      settings: { flashAttention: "off", batchSize: 256 },
      flags: { "flash-attention": "off", "batch-size": 256 },
    });
  });

  it("are measured with few numbers of threads, or with the fixed one", () => {
    const settings = (threads: number, threadsPinned = false) => ({ threads, threadsPinned }) as Settings;
    expect(threadCounts(settings(15), 16)).toEqual([15, 16, 8, 4]);
    expect(threadCounts(settings(1), 2)).toEqual([1, 2]);
    expect(threadCounts(settings(1), 1)).toEqual([1]);
    expect(threadCounts(settings(3, true), 16)).toEqual([3]);
  });
});

const speeds = (threads: number, prompt: number, one: number, all: number): Speeds => ({ threads, prompt, one, all });
const now = { prompt: 100, one: 10, all: 40 };
const result = (variant: Variant, factor: number): Result => {
  const best = { prompt: factor * now.prompt, one: factor * now.one, all: factor * now.all };
  return { variant, best, rssBytes: 1e9 };
};
const rule = (more: Partial<Rule> = {}): Rule => ({ now, noise: 0.01, allowCacheType: false, ...more });
const [off, batch256, batch1024, , q8] = variantsOf(usual, []) as [Variant, Variant, Variant, Variant, Variant];

describe("the choice", () => {
  it("compares each speed with its best number of threads", () => {
    const measured = [speeds(1, 50, 12, 30), speeds(2, 100, 10, 30), speeds(4, 90, 9, 40)];
    expect(bestOf(measured)).toEqual({ prompt: 100, one: 12, all: 40 });
    expect(bestThreads(measured)).toEqual([2, 1, 4]);
    expect(gainOf({ prompt: 200, one: 20, all: 80 }, now)).toBeCloseTo(1);
    expect(gainOf({ prompt: 800, one: 10, all: 40 }, now)).toBeCloseTo(1);
  });

  it("is the best value of each option, above 5 %", () => {
    const results = [result(off, 1.04), result(batch256, 1.1), result(batch1024, 1.2)];
    expect(bestOfEachOption(results, rule()).map(({ variant }) => variant)).toEqual([batch1024]);
    expect(bestOfEachOption([...results, result(off, 1.3)], rule()).map(({ variant }) => variant)).toEqual([
      off,
      batch1024,
    ]);
    expect(bestOfEachOption([result(off, 0.5)], rule())).toEqual([]);
  });

  it("ignores differences that the present settings also have from themselves", () => {
    expect(bestOfEachOption([result(batch256, 1.1)], rule({ noise: -0.12 }))).toEqual([]);
  });

  it("changes the cache's type only if allowed", () => {
    expect(bestOfEachOption([result(q8, 2)], rule())).toEqual([]);
    expect(bestOfEachOption([result(q8, 2)], rule({ allowCacheType: true }))).toHaveLength(1);
  });
});

const report = (more: Partial<TuneReport> = {}): TuneReport => ({
  model: "/m/bee.gguf",
  slots: 8,
  promptTokens: 1_024,
  threads: [speeds(1, 60, 10, 30), speeds(2, 100, 9, 40)],
  attention: {
    costs: {
      ...{ cells: 512, threads: 1 },
      flash: { row_ms: 4, tile_ms: 1 },
      plain: { row_ms: 6, tile_ms: 1.2 },
    },
    hasFlash: true,
  },
  results: [result(present, 1), result(off, 0.9), result(batch1024, 1.25), result(q8, 1.5)],
  failed: [],
  rule: rule(),
  chosen: result(batch1024, 1.25),
  ...more,
});

describe("the report", () => {
  it("shows the variants, the threads and the best settings", () => {
    expect(formatReport(report())).toBe(
      [
        "settings             prompt  1 stream  8 streams  memory  difference",
        "as now                  100      10.0       40.0  1.0 GB",
        "flash attention off    90.0       9.0       36.0  1.0 GB       −10 %",
        "batch of 1024           125      12.5       50.0  1.0 GB       +25 %",
        "KV cache in q8_0        150      15.0       60.0  1.0 GB       +50 %",
        "Tokens per second, after a prompt of 1024 tokens.",
        "",
        "threads  prompt  1 stream  8 streams",
        "      1    60.0      10.0       30.0",
        "      2     100       9.0       40.0",
        "The engine chooses the number of threads itself, for each step.",
        "",
        "Attention: with flash attention; without it, attention takes 1.5 times as long for a stream's token after 512 tokens here, and 1.2 times for a prompt's.",
        "Best: batch of 1024, +25 % (geometric mean of the speeds; differences up to 5 % do not count).",
        "  waggle serve /m/bee.gguf --batch-size 1024",
        "KV cache in q8_0 is faster, +50 %, but changes answers slightly: --allow-cache-type lets it be chosen.",
        "",
      ].join("\n"),
    );
  });

  it("says when no other setting is faster, when a variant failed, and when the machine is busy", () => {
    const text = formatReport(
      report({
        slots: 1,
        threads: [speeds(1, 100, 10, 10)],
        attention: undefined,
        results: [result(present, 1)],
        failed: [{ variant: off, reason: "Cannot load bee.gguf: no memory." }],
        rule: rule({ noise: 0.3 }),
        chosen: undefined,
      }),
    );
    expect(text).toContain("settings  prompt  1 stream  memory  difference\n");
    expect(text).toContain("flash attention off: Cannot load bee.gguf: no memory.\n");
    expect(text).toContain(
      "No other setting is noticeably faster (geometric mean of the speeds; differences up to 30 % do",
    );
    expect(text).toContain("differed from themselves by 30 %");
    expect(text).not.toMatch(/threads  |Attention/);
  });

  it("is plain data too", () => {
    expect(reportData(report())).toMatchObject({
      best: { "batch-size": 1_024 },
      least_gain: 0.05,
      flash_attention: true,
      attention_costs: { cells: 512 },
      threads: [{ threads: 1, prompt_tokens_per_second: 60 }, { threads: 2 }],
      variants: [{ name: "as now", gain: 0 }, {}, { settings: { "batch-size": 1_024 }, rss_bytes: 1e9 }, {}],
    });
  });

  it("shows the lines that an edit changes", () => {
    const before = "slots: 2\nmodels:\n  a: x.gguf\n  b:\n    model: y.gguf\n    batch-size: 256\n";
    const after =
      "slots: 2\nmodels:\n  a:\n    model: x.gguf\n    batch-size: 1024\n  b:\n    model: y.gguf\n    batch-size: 256\n";
    expect(formatDiff("w.yaml", before, after)).toBe(
      "w.yaml\n-   a: x.gguf\n+   a:\n+     model: x.gguf\n+     batch-size: 1024\n",
    );
    expect(formatDiff("w.yaml", "", "slots: 2\n")).toBe("w.yaml\n+ slots: 2\n");
  });
});
