// Tests that the public driver computes a step in one forward pass, although entries reach the library's queue one by one.
import type { SlotSampling } from "@waggle/engine";
import { driveSlots, type DrivenBackend } from "@waggle/engine/testing";
import { SamplingSchema } from "@waggle/protocol";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { storyModel } from "../testing/story-model.ts";
import type * as BatchOrder from "./batch-order.ts";

/** Slots and their numbers of tokens in each forward pass. The library calls `inSlotOrder` once before each pass. */
const passes: { slot: number; tokens: number }[][] = [];
// Test files share modules. This file needs its own copies, which import the mock.
vi.hoisted(() => vi.resetModules());
afterAll(() => void vi.resetModules());
vi.mock("./batch-order.ts", async (importOriginal) => {
  const original = await importOriginal<typeof BatchOrder>();
  return {
    ...original,
    inSlotOrder: (batch: Parameters<typeof original.inSlotOrder>[0]) => {
      const entries = original.inSlotOrder(batch);
      passes.push(entries.map(({ item }) => ({ slot: -item.evaluationPriority, tokens: item.tokens.length })));
      return entries;
    },
  };
});

const greedy: SlotSampling = { ...SamplingSchema.parse({ temperature: 0 }), seed: 1 };
let backend: DrivenBackend;
beforeAll(async () => {
  const { loadLlamaBackend: load } = await import("../load/load.ts");
  const size = { slots: 4, contextSize: 256, batchSize: 128, threads: 1 };
  backend = driveSlots(await load({ modelPath: storyModel, ...size, device: "cpu", driver: "public" }));
});
afterAll(() => backend.dispose());

test("each step is one forward pass, in the order of the slots, with any kinds of entries", async () => {
  const { tokens: prompt } = await backend.tokenize({ kind: "text", text: "Once upon a time" });
  for (const slot of [0, 1, 2, 3]) await backend.begin(slot, 0, greedy);
  await backend.step([
    { kind: "prefill", slot: 1, tokens: prompt, sample: true },
    { kind: "prefill", slot: 3, tokens: prompt, sample: true },
  ]);
  await backend.step([
    { kind: "prefill", slot: 0, tokens: prompt.slice(0, 3), sample: false },
    { kind: "decode", slot: 1 },
    { kind: "prefill", slot: 2, tokens: prompt, sample: true },
    { kind: "decode", slot: 3 },
  ]);
  const whole = prompt.length;
  expect(passes).toEqual([
    [
      { slot: 1, tokens: whole },
      { slot: 3, tokens: whole },
    ],
    [
      { slot: 0, tokens: 3 },
      { slot: 1, tokens: 1 },
      { slot: 2, tokens: whole },
      { slot: 3, tokens: 1 },
    ],
  ]);
  for (const slot of [0, 1, 2, 3]) await backend.end(slot);
});
