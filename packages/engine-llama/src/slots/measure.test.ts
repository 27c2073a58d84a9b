// Tests measured steps: their rows, and that they leave nothing behind on a real model.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { driveSlots } from "@waggle/engine/testing";
import { SamplingSchema } from "@waggle/protocol";
import { shapeNamed, writeRandomModel } from "@waggle/testing/models";
import { describe, expect, it } from "vitest";
import type { BatchRow } from "../passes/passes.ts";
import { describeBindings, loadOn } from "../testing/bindings.ts";
import { generate } from "../testing/generate.ts";
import { storyModel } from "../testing/story-model.ts";
import { createMeasure } from "./measure.ts";

function scripted() {
  const calls: unknown[] = [];
  let rows: readonly BatchRow[] = [];
  const measure = createMeasure({
    ...{ slots: 4, batchSize: 64, capacity: 32, vocabularySize: 100 },
    passes: {
      configure: (slot, { temperature }) => void calls.push(["configure", slot, temperature]),
      async run(given) {
        rows = given;
        return [];
      },
      async erase(...range) {
        calls.push(["erase", ...range]);
        return 0;
      },
    },
  });
  /** Slot, number of tokens and places of the outputs of each row. */
  async function shapeOf(decoding: number, promptTokens: number): Promise<[number, number, string][]> {
    await measure(decoding, promptTokens);
    return rows.map(({ slot, tokens, outputs }) => [
      slot,
      tokens.length,
      outputs.map(({ at, kind }) => at + kind).join(" "),
    ]);
  }
  return { measure, calls, shapeOf, rows: () => rows };
}

describe("a measured step", () => {
  it("decodes one token in each slot, or computes a piece of a prompt, or both", async () => {
    const { shapeOf, rows } = scripted();
    expect(await shapeOf(2, 0)).toEqual([
      [0, 1, "0draw"],
      [1, 1, "0draw"],
    ]);
    expect(await shapeOf(0, 32)).toEqual([[0, 32, "31draw"]]);
    expect(new Set(rows()[0]?.tokens).size, "the tokens differ").toBe(32);
    expect(await shapeOf(1, 8)).toEqual([
      [0, 1, "0draw"],
      [1, 8, "7draw"],
    ]);
  });

  it("empties its slots", async () => {
    const { shapeOf, calls } = scripted();
    await shapeOf(1, 8);
    expect(calls).toEqual([
      ["configure", 0, 0],
      ["configure", 1, 0],
      ["erase", 0, 0],
      ["erase", 1, 0],
    ]);
  });

  it.each([
    [0, 0],
    [0, 33],
    [5, 0],
    [4, 1],
    [3, 65],
  ])("of %i rows and %i tokens of a prompt is refused", async (rows, promptTokens) => {
    await expect(scripted().measure(rows, promptTokens)).rejects.toThrow(RangeError);
  });
});

describeBindings((binding) => {
  const folder = mkdtempSync(join(tmpdir(), "waggle-measure-"));

  it.each(["a model", "a recurrent model"])("measured steps do not change the answers of %s", async (which) => {
    const recurrent = join(folder, "recurrent.gguf");
    const small = { layers: 2, width: 64, vocabulary: 512, context: 512 };
    writeRandomModel({ ...shapeNamed("mamba"), ...small }, recurrent);
    const modelPath = which === "a model" ? storyModel : recurrent;
    const options = { modelPath, slots: 2, contextSize: 256, batchSize: 128, threads: 1, device: "cpu" } as const;
    const answers: unknown[] = [];
    for (const isMeasured of [false, true]) {
      const backend = driveSlots(await loadOn(binding, options));
      if (isMeasured) {
        for (const [rows, promptTokens] of [
          [1, 0],
          [2, 0],
          [0, 64],
          [1, 16],
        ] as const) {
          expect(await backend.measure?.(rows, promptTokens)).toBeGreaterThan(0);
        }
      }
      const sampling = { ...SamplingSchema.parse({ temperature: 0.8, repeat_penalty: 1.2 }), seed: 1 };
      for (const slot of [0, 1]) {
        const prompt = Array.from({ length: 20 }, (_, i) => 300 + i);
        answers.push((await generate(backend, { slot, prompt, sampling, count: 8 })).results);
      }
      await backend.dispose();
    }
    expect(answers.slice(2)).toEqual(answers.slice(0, 2));
  });
});
