import { entryTokens } from "@waggle/engine";
import type { SlotSampling, Token } from "@waggle/engine";
import { driveSlots, type DrivenBackend } from "@waggle/engine/testing";
import { SamplingSchema, type Sampling } from "@waggle/protocol";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { storyModel } from "../testing/story-model.ts";
import { loadLlamaBackend } from "../load/load.ts";

const contextSize = 64;
const capacity = contextSize - 1;

function samplingOf(fields: Partial<Sampling> = {}): SlotSampling {
  return { ...SamplingSchema.parse({ temperature: 0, ignore_eos: fields.grammar === undefined, ...fields }), seed: 1 };
}

describe("a shift of the llama backend", () => {
  let backend: DrivenBackend;
  beforeAll(async () => {
    const options = { modelPath: storyModel, slots: 1, contextSize, threads: 1, device: "cpu" } as const;
    backend = driveSlots(await loadLlamaBackend(options));
  });
  afterAll(() => backend.dispose());

  /** Decodes until the slot is full. */
  async function fill(): Promise<Token[]> {
    const sampled: Token[] = [];
    while (backend.held(0).entries.length < capacity) {
      const [result] = await backend.step([{ kind: "decode", slot: 0 }]);
      if (result?.kind !== "token") throw new Error(`Expected a token and got ${JSON.stringify(result)}`);
      sampled.push(result.token);
    }
    return sampled;
  }

  /** Generates until the context is full, shifts, and generates until it is full again. @returns the tokens before and after the shift */
  async function throughShift(sampling: SlotSampling): Promise<{ before: Token[]; after: Token[] }> {
    const prompt = entryTokens(
      (await backend.tokenize({ kind: "text", text: "Once upon a time there was a bee" })).entries,
    );
    await backend.begin(0, 0, sampling);
    await backend.step([{ kind: "prefill", slot: 0, tokens: prompt, sample: true }]);
    const before = await fill();
    await backend.shift(0, 5, 30);
    const after = await fill();
    await backend.end(0);
    return { before, after };
  }

  test("is allowed for the embedded model", () => {
    expect(() => backend.checkShift()).not.toThrow();
  });

  test("has the same tokens with and without logprobs", async () => {
    expect(await throughShift({ ...samplingOf(), topLogprobs: 2 })).toEqual(await throughShift(samplingOf()));
  });

  test("does not change the position in a grammar", async () => {
    const { before, after } = await throughShift(samplingOf({ grammar: 'root ::= ("b" "e" "e" " ")+' }));
    const bytes = [...before, ...after].flatMap((token) => [...backend.tokenBytes(token)]);
    // The first token is missing: it is the result of the prefill.
    expect("bee ".repeat(contextSize)).toContain(new TextDecoder().decode(Uint8Array.from(bytes)));
    expect(after).toHaveLength(30);
  });

  test("does not change the tokens of the penalties", async () => {
    const sampling = samplingOf({ repeat_penalty: 10, presence_penalty: 2, repeat_last_n: contextSize });
    const { before, after } = await throughShift(sampling);
    const sampled = [...before, ...after];
    expect(new Set(sampled.slice(-contextSize)).size, "hardly a token comes again within the window").toBeGreaterThan(
      55,
    );
  });
});
