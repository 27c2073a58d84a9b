import { SamplingSchema } from "@waggle/protocol";
import { expect, onTestFinished, test, vi } from "vitest";
import { storyModel } from "../testing/story-model.ts";
import { driveSlots } from "@waggle/engine/testing";
import { loadLlamaBackend } from "../load/load.ts";
import { createSamplerGarbage } from "./sampler-garbage.ts";

/** With 12 bytes per token, a sampler has 1 MiB. */
const vocabularySize = 2 ** 20 / 12;

test("collects the young generation after 4 MiB of dropped samplers, and all generations after 16 MiB", () => {
  const collected: string[] = [];
  const garbage = createSamplerGarbage(vocabularySize, (minor) => collected.push(minor === true ? "minor" : "all"));
  for (let sampler = 1; sampler <= 32; sampler++) {
    garbage.add();
    garbage.collect();
    garbage.collect();
    if (sampler % 4 !== 0) expect(collected).toHaveLength(Math.floor(sampler / 4));
  }
  expect(collected).toEqual(["minor", "minor", "minor", "all", "minor", "minor", "minor", "all"]);
});

test("does nothing without V8's `gc`", () => {
  const garbage = createSamplerGarbage(vocabularySize, undefined);
  for (let sampler = 0; sampler < 100; sampler++) garbage.add();
  expect(() => garbage.collect()).not.toThrow();
});

test.each([
  ["jobs", {}],
  ["jobs with logprobs", { topLogprobs: 1 }],
])("the public driver collects the samplers of %s while a pass computes", async (_, fields) => {
  const collect = vi.fn();
  vi.stubGlobal("gc", collect);
  const size = { slots: 1, contextSize: 64, batchSize: 64, threads: 1 };
  const backend = driveSlots(
    await loadLlamaBackend({ modelPath: storyModel, ...size, device: "cpu", driver: "public" }),
  );
  onTestFinished(async () => {
    vi.unstubAllGlobals();
    await backend.dispose();
  });
  const sampling = { ...SamplingSchema.parse({ temperature: 0 }), seed: 1, ...fields };
  // With a small vocabulary, samplers are small: only many jobs drop 4 MiB of them.
  for (let job = 0; job < 200 && collect.mock.calls.length === 0; job++) {
    await backend.begin(0, 0, sampling);
    await backend.step([{ kind: "prefill", slot: 0, tokens: [300], sample: true }]);
    await backend.end(0);
  }
  expect(collect).toHaveBeenCalledWith(true);
});
