// Tests drafts on real models in single precision, where tokens do not depend on the shape of a batch.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Backend, Token } from "@waggle/engine";
import { driveSlots } from "@waggle/engine/testing";
import { SamplingSchema } from "@waggle/protocol";
import { guessContract, needs } from "@waggle/testing";
import { shapeNamed, writeRandomModel, writeSinglePrecision } from "@waggle/testing/models";
import { describe, expect, test } from "vitest";
import { loadOn } from "../testing/bindings.ts";
import { storyModel } from "../testing/story-model.ts";

const folder = mkdtempSync(join(tmpdir(), "waggle-drafts-"));

// With flash attention, llama.cpp computes with keys and values in half precision, whatever their type.
const exact = { flashAttention: "off", cacheTypeK: "f32", cacheTypeV: "f32" } as const;
const options = { ...exact, slots: 3, contextSize: 256, batchSize: 128, threads: 1, device: "cpu" } as const;

describe("with the addon", needs("Waggle's addon"), () => {
  async function load(from: string): Promise<Backend> {
    const modelPath = join(folder, "single.gguf");
    writeSinglePrecision(from, modelPath);
    return await loadOn("addon", { ...options, modelPath });
  }

  guessContract("llama", () => load(storyModel), {
    ending: "Once upon a time there was a little bee. One day the bee went to the garden",
  });

  test("a model with sliding windows takes drafts, also wrong ones", async () => {
    const random = join(folder, "sliding.gguf");
    // The windows are shorter than the prompt.
    const small = { layers: 6, width: 64, headSize: 16, feedForward: 128, vocabulary: 1_024, context: 512, window: 16 };
    writeRandomModel({ ...shapeNamed("gemma"), ...small }, random);
    const backend = driveSlots(await load(random));
    const prompt = Array.from({ length: 40 }, (_, i) => 300 + i);
    async function answer(drafts: readonly Token[]): Promise<Token[]> {
      await backend.begin(0, 0, { ...SamplingSchema.parse({ temperature: 0, ignore_eos: true }), seed: 1 });
      const sampled: Token[] = [];
      let [result] = await backend.step([{ kind: "prefill", slot: 0, tokens: prompt, sample: true }]);
      while (result?.kind === "token") {
        sampled.push(result.token, ...(result.behind ?? []).map(({ token }) => token));
        if (sampled.length > 12) break;
        [result] = await backend.step([
          { kind: "decode", slot: 0, drafts: drafts.slice(sampled.length, sampled.length + 4) },
        ]);
      }
      await backend.end(0);
      return sampled.slice(0, 12);
    }
    const plain = await answer([]);
    expect(plain).toHaveLength(12);
    expect(await answer([...plain, 1, 2, 3, 4])).toEqual(plain);
    expect(await answer(plain.map((token, i) => (i % 3 === 0 ? token + 1 : token)))).toEqual(plain);
    await backend.dispose();
  });
});
