import { entryTokens } from "@waggle/engine";
import type { SlotSampling } from "@waggle/engine";
import { driveSlots, type DrivenBackend } from "@waggle/engine/testing";
import { SamplingSchema } from "@waggle/protocol";
import { hostileGrammars } from "@waggle/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { storyModel } from "../testing/story-model.ts";
import { loadLlamaBackend } from "../load/load.ts";

const tokens = 60;

describe("hostile grammars", () => {
  let backend: DrivenBackend;
  beforeAll(async () => {
    const options = { modelPath: storyModel, slots: 2, contextSize: 256, batchSize: 128, threads: 1, device: "cpu" };
    backend = driveSlots(await loadLlamaBackend({ ...options, device: "cpu" }));
  });
  afterAll(() => backend.dispose());

  const samplingOf = (grammar: string): SlotSampling => ({
    ...SamplingSchema.parse({ temperature: 1.5, top_k: 0, min_p: 0, grammar }),
    seed: 1,
  });

  test.each(hostileGrammars.filter(({ fate }) => fate === "refused"))("refused: $name", async ({ grammar }) => {
    const refused = { code: "invalid_argument", message: expect.stringContaining('field "grammar"') as string };
    await expect(async () => backend.checkSampling(samplingOf(grammar))).rejects.toMatchObject(refused);
  });

  test.each(hostileGrammars.filter(({ fate }) => fate === "accepted"))("bounded: $name", async ({ grammar }) => {
    const sampling = samplingOf(grammar);
    await backend.checkSampling(sampling);
    await backend.begin(0, 0, sampling);
    await backend.begin(1, 0, { ...SamplingSchema.parse({ ignore_eos: true }), seed: 1 });
    const prompt = entryTokens((await backend.tokenize({ kind: "text", text: "Once upon a time" })).entries);
    let results = await backend.step([
      { kind: "prefill", slot: 0, tokens: prompt, sample: true },
      { kind: "prefill", slot: 1, tokens: prompt, sample: true },
    ]);
    for (let i = 0; i < tokens; i++) {
      const [own, neighbour] = results;
      expect(neighbour?.kind).toBe("token");
      if (own?.kind !== "token" || backend.isEndOfGeneration(own.token)) break;
      results = await backend.step([
        { kind: "decode", slot: 0 },
        { kind: "decode", slot: 1 },
      ]);
    }
    expect(["token", "failed"]).toContain(results[0]?.kind);
    await backend.end(0);
    await backend.end(1);
  });
});
