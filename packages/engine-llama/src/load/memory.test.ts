// Compares the estimated memory of a model with the memory that llama.cpp allocates for it with the engine's settings.
import { execFile } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { estimateMemory, type MemoryEstimate, type MemorySettings } from "@waggle/models/memory";
import { readGgufFile } from "@waggle/models/header";
import { shapeNamed, writeRandomModel, type ModelShape } from "@waggle/testing/models";
import { beforeAll, describe, expect, test } from "vitest";

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), "memory-"));

/** Small models, each with the layout of another family. */
const small = { layers: 3, width: 128, vocabulary: 2_048, feedForward: 384 };
const shapes: Readonly<Record<string, ModelShape>> = {
  llama: { ...shapeNamed("360m"), ...small, heads: 4, kvHeads: 2 },
  words: { ...shapeNamed("360m"), ...small, heads: 4, kvHeads: 2, vocabulary: 32_768 },
  qwen: { ...shapeNamed("qwen"), ...small, heads: 4, kvHeads: 2, headSize: 64 },
  gemma: { ...shapeNamed("gemma"), ...small, heads: 4, kvHeads: 1, headSize: 64, layers: 7, window: 64 },
  mamba: { ...shapeNamed("mamba"), ...small },
  embed: { ...shapeNamed("embed"), ...small, heads: 4, kvHeads: 4 },
};

interface Case {
  readonly shape: string;
  readonly slots: number;
  readonly contextSize: number;
  readonly batchSize: number;
  readonly cacheType?: string;
  readonly flashAttention?: boolean;
}

const cases: readonly Case[] = [
  { shape: "llama", slots: 1, contextSize: 512, batchSize: 512 },
  { shape: "llama", slots: 5, contextSize: 2_000, batchSize: 64 },
  { shape: "llama", slots: 2, contextSize: 1_024, batchSize: 256, cacheType: "q8_0" },
  { shape: "llama", slots: 2, contextSize: 1_024, batchSize: 256, flashAttention: false },
  { shape: "words", slots: 4, contextSize: 4_096, batchSize: 512 },
  { shape: "words", slots: 2, contextSize: 1_024, batchSize: 256, flashAttention: false },
  { shape: "qwen", slots: 1, contextSize: 512, batchSize: 128 },
  { shape: "qwen", slots: 4, contextSize: 4_096, batchSize: 512 },
  { shape: "gemma", slots: 1, contextSize: 512, batchSize: 128 },
  { shape: "gemma", slots: 3, contextSize: 2_048, batchSize: 256 },
  { shape: "mamba", slots: 1, contextSize: 512, batchSize: 256 },
  { shape: "mamba", slots: 4, contextSize: 4_096, batchSize: 128 },
  { shape: "embed", slots: 1, contextSize: 512, batchSize: 512 },
  { shape: "embed", slots: 1, contextSize: 128, batchSize: 128 },
];

type Measured = Record<"weights" | "cache" | "state" | "compute" | "output", number>;
let measured: readonly Measured[] = [];
beforeAll(async () => {
  for (const [name, shape] of Object.entries(shapes)) writeRandomModel(shape, pathOf(name));
  const script = join(import.meta.dirname, "../testing/measure-load.ts");
  const settings = JSON.stringify(cases.map(({ shape, ...rest }) => ({ modelPath: pathOf(shape), ...rest })));
  const { stdout } = await run(process.execPath, ["--import", "tsx", script, settings]);
  measured = JSON.parse(stdout) as readonly Measured[];
});

function pathOf(shape: string): string {
  return join(folder, `${shape}.gguf`);
}

async function estimate({ shape, cacheType, ...rest }: Case): Promise<MemoryEstimate> {
  const settings: MemorySettings = { ...rest, cacheTypeK: cacheType, cacheTypeV: cacheType };
  return estimateMemory(await readGgufFile(pathOf(shape)), settings);
}

/** Resolution of buffer sizes in llama.cpp's log. */
const smallestBytes = 1_048_576 / 100;

function expectNear(estimated: number, allocated: number): void {
  expect(Math.abs(estimated - allocated)).toBeLessThanOrEqual(Math.max(0.05 * allocated, smallestBytes));
}

describe.each(cases.map((row, index) => ({ ...row, index })))(
  "$shape with $slots x $contextSize tokens in passes of $batchSize, cache $cacheType, flash attention $flashAttention",
  ({ index, ...row }) => {
    // For an embedding model, llama.cpp logs the size of its output buffer before the buffer grows.
    const parts = ["weights", "cache", "state", ...(row.shape === "embed" ? [] : (["output"] as const))] as const;
    test.each(parts)("takes about the estimated memory for %s", async (part) => {
      expectNear((await estimate(row))[part], measured[index]?.[part] ?? Number.NaN);
    });

    test("takes at least the memory for compute, and not much less than estimated", async () => {
      const { compute } = await estimate(row);
      const taken = measured[index]?.compute ?? Number.NaN;
      expect(compute).toBeGreaterThanOrEqual(0.99 * taken);
      // The formula counts gaps that a small pass fills with other results.
      expect(compute).toBeLessThanOrEqual((row.shape === "words" ? 1.05 : 1.4) * taken);
    });
  },
);
