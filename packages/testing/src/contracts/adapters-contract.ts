// Owns the contract of a Backend with LoRA adapters, as tests for the fake backend and the real one.
import { entryTokens } from "@waggle/engine";
import type { Backend, SlotSampling, Token } from "@waggle/engine";
import { driveSlots, type DrivenBackend } from "@waggle/engine/testing";
import { SamplingSchema } from "@waggle/protocol";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const greedy: SlotSampling = { ...SamplingSchema.parse({ temperature: 0 }), seed: 1, topLogprobs: 1 };
const story = "Once upon a time there was a little bee. One day the bee went to the garden";
const count = 6;

interface Output {
  readonly tokens: readonly Token[];
  /** Log probability of the first token. */
  readonly logprob: number | undefined;
}

/** Registers a suite for a backend with two slots, a context of 256 tokens and one adapter, whose scale is not 0. The suite disposes of it. */
export function adaptersContract(name: string, makeBackend: () => Promise<Backend>): void {
  describe(`${name} keeps the adapters of its slots apart`, () => {
    let backend: DrivenBackend;
    let own: number;
    beforeAll(async () => {
      backend = driveSlots(await makeBackend());
      own = backend.info.settings?.lora[0]?.scale ?? 0;
    });
    afterAll(() => backend.dispose());

    async function begin(slot: number, adapters: readonly number[] | undefined): Promise<Output> {
      const tokens = entryTokens((await backend.tokenize({ kind: "text", text: story })).entries);
      await backend.begin(slot, 0, adapters === undefined ? greedy : { ...greedy, adapters });
      const [result] = await backend.step([{ kind: "prefill", slot, tokens, sample: true }]);
      if (result?.kind !== "token") throw new Error("No token came");
      return { tokens: [result.token], logprob: result.logprobs?.logprob };
    }

    async function next(slot: number): Promise<Token> {
      const [result] = await backend.step([{ kind: "decode", slot }]);
      if (result?.kind !== "token") throw new Error("No token came");
      return result.token;
    }

    async function alone(adapters: readonly number[] | undefined): Promise<Output> {
      const { tokens, logprob } = await begin(0, adapters);
      const all = [...tokens];
      while (all.length < count) all.push(await next(0));
      await backend.end(0);
      return { tokens: all, logprob };
    }

    test("a scale changes the answer, and the default is the scale at load", async () => {
      const usual = await alone(undefined);
      expect(await alone([own])).toEqual(usual);
      expect(await alone([0])).not.toEqual(usual);
      expect(await alone(undefined)).toEqual(usual);
    });

    test("two slots with different adapters alternate, and each answers as it does alone", async () => {
      const expected = [await alone(undefined), await alone([0])];
      const firsts = [await begin(0, undefined), await begin(1, [0])];
      const outputs = firsts.map(({ tokens }) => [...tokens]);
      for (let step = 1; step < count; step++) for (const slot of [0, 1]) outputs[slot]?.push(await next(slot));
      await backend.end(0);
      await backend.end(1);
      expect(outputs).toEqual(expected.map(({ tokens }) => tokens));
      expect(firsts.map(({ logprob }) => logprob)).toEqual(expected.map(({ logprob }) => logprob));
    });
  });
}
