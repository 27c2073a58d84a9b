// Tests slots of a model with recurrent layers: they keep tokens up to a checkpoint, and give the same answer as an empty slot.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SlotSampling, Token } from "@waggle/engine";
import { driveSlots, type DrivenBackend } from "@waggle/engine/testing";
import { SamplingSchema } from "@waggle/protocol";
import { shapeNamed, writeRandomModel } from "@waggle/testing/models";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeBindings, loadOn } from "../testing/bindings.ts";
import { generate } from "../testing/generate.ts";
import type { Binding } from "./open-decoder.ts";

const sampling: SlotSampling = { ...SamplingSchema.parse({ temperature: 0, ignore_eos: true }), seed: 1 };
const folder = mkdtempSync(join(tmpdir(), "waggle-recurrent-"));
const modelPath = join(folder, "model.gguf");
const prompt = Array.from({ length: 150 }, (_, i) => 300 + ((i * 37) % 200));
const other = [...prompt.slice(0, 100), ...prompt.slice(0, 30)];
const chunk = 40;
const backends: DrivenBackend[] = [];

beforeAll(() => {
  const small = { layers: 2, width: 64, vocabulary: 512, context: 512 };
  writeRandomModel({ ...shapeNamed("mamba"), ...small }, modelPath);
});
afterAll(async () => {
  for (const backend of backends) await backend.dispose();
});

async function open(binding: Binding): Promise<DrivenBackend> {
  const size = { slots: 2, contextSize: 512, threads: 1 };
  const backend = driveSlots(await loadOn(binding, { modelPath, ...size, device: "cpu" }));
  backends.push(backend);
  return backend;
}

/** Feeds a prompt in chunks. @returns the slot's answer, and the number of tokens that the slot kept from its last job */
async function answer(backend: DrivenBackend, slot: number, prompt: readonly Token[], keep = 0) {
  const { kept, tokens } = await generate(backend, { slot, prompt, sampling, keep, chunk, count: 12 });
  return { kept, sampled: tokens };
}

describeBindings((binding) => {
  let backend: DrivenBackend;
  beforeAll(async () => {
    backend = await open(binding);
  });

  test("a slot takes no drafts, because it cannot be cut after a wrong one", async () => {
    expect(backend.takesDrafts).toBe(false);
    await backend.begin(0, 0, sampling);
    await backend.step([{ kind: "prefill", slot: 0, tokens: prompt.slice(0, chunk), sample: true }]);
    await expect(backend.step([{ kind: "decode", slot: 0, drafts: [300] }])).rejects.toThrow("takes no drafts");
    await backend.end(0);
    await backend.cut(0, 0);
  });

  test("a slot goes back to its last checkpoint within the shared prefix", async () => {
    const expected = await answer(backend, 0, other);
    await answer(backend, 1, prompt);
    expect(await answer(backend, 1, other, 100)).toEqual({ kept: 80, sampled: expected.sampled });
  });

  test("a slot keeps all tokens of a continued prompt, but none if the shared prefix ends before its first checkpoint", async () => {
    const { sampled } = await answer(backend, 0, prompt);
    const longer = [...prompt, ...sampled.slice(0, -1), 301, 302];
    const fresh = await answer(backend, 1, longer);
    expect(await answer(backend, 0, longer, longer.length - 2)).toEqual({
      kept: longer.length - 2,
      sampled: fresh.sampled,
    });
    expect((await answer(backend, 0, prompt, 30)).kept).toBe(0);
  });
});
