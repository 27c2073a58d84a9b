import { entryTokens } from "@waggle/engine";
import type { SlotSampling } from "@waggle/engine";
import { driveSlots, type DrivenBackend } from "@waggle/engine/testing";
import { isOver, processorStopwatch } from "@waggle/testing/harness";
import { SamplingSchema, WaggleError } from "@waggle/protocol";
import { hostileGrammars } from "@waggle/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { storyModel } from "../testing/story-model.ts";
import { loadLlamaBackend } from "../load/load.ts";

/** Limit for the processor time of a step. A step of the embedded model takes 1 ms, and the watchdog waits for 5 s. */
const longestMs = 2_000;
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

  async function timed<T>(work: () => Promise<T>): Promise<T> {
    const spentMs = processorStopwatch();
    try {
      return await work();
    } finally {
      const ms = spentMs();
      expect(isOver(ms, longestMs), `${ms} ms`).toBe(false);
    }
  }

  test.each(hostileGrammars.filter(({ fate }) => fate === "refused"))("refused: $name", async ({ grammar }) => {
    const refused: unknown = await timed(async () => backend.checkSampling(samplingOf(grammar))).catch(
      (e: unknown) => e,
    );
    expect(refused).toBeInstanceOf(WaggleError);
    expect(refused).toMatchObject({ code: "invalid_argument", message: expect.stringContaining('field "grammar"') });
  });

  test.each(hostileGrammars.filter(({ fate }) => fate === "accepted"))("bounded: $name", async ({ grammar }) => {
    const sampling = samplingOf(grammar);
    await timed(async () => backend.checkSampling(sampling));
    await timed(async () => backend.begin(0, 0, sampling));
    await backend.begin(1, 0, { ...SamplingSchema.parse({ ignore_eos: true }), seed: 1 });
    const prompt = entryTokens((await backend.tokenize({ kind: "text", text: "Once upon a time" })).entries);
    let results = await timed(async () =>
      backend.step([
        { kind: "prefill", slot: 0, tokens: prompt, sample: true },
        { kind: "prefill", slot: 1, tokens: prompt, sample: true },
      ]),
    );
    for (let i = 0; i < tokens; i++) {
      const [own, neighbour] = results;
      expect(neighbour?.kind).toBe("token");
      if (own?.kind !== "token" || backend.isEndOfGeneration(own.token)) break;
      results = await timed(async () =>
        backend.step([
          { kind: "decode", slot: 0 },
          { kind: "decode", slot: 1 },
        ]),
      );
    }
    expect(["token", "failed"]).toContain(results[0]?.kind);
    await backend.end(0);
    await backend.end(1);
  });
});
