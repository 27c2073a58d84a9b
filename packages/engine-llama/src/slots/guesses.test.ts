// Tests guesses on a real model in single precision, where tokens do not depend on the shape of a batch, in each form of the cache.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { guessContract } from "@waggle/testing";
import { writeSinglePrecision } from "@waggle/testing/models";
import { afterAll, describe, expect, it } from "vitest";
import { generatorOf } from "@waggle/engine";
import { bindings, hasAddon, loadOn } from "../testing/bindings.ts";
import { storyModel } from "../testing/story-model.ts";

const folder = mkdtempSync(join(tmpdir(), "waggle-guesses-"));
afterAll(() => rmSync(folder, { recursive: true }));
const modelPath = join(folder, "single.gguf");
writeSinglePrecision(storyModel, modelPath);

// With flash attention, llama.cpp computes with keys and values in half precision, whatever their type.
const options = {
  ...{ modelPath, flashAttention: "off", cacheTypeK: "f32", cacheTypeV: "f32" },
  ...{ slots: 3, contextSize: 256, batchSize: 128, threads: 1, device: "cpu" },
} as const;

describe.skipIf(!hasAddon)("with the addon", () => {
  guessContract("llama", () => loadOn("addon", options), {
    ending: "Once upon a time there was a little bee. One day the bee went to the garden",
    requests: 200,
  });
});
