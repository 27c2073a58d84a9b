// Owns the contract of a Backend that saves slots, as tests for the fake backend and the real one.
import { entryTokens } from "@waggle/engine";
import type { Backend, EntryResult, SlotSampling, Token } from "@waggle/engine";
import { driveSlots, type DrivenBackend } from "@waggle/engine/testing";
import { SamplingSchema } from "@waggle/protocol";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const greedy: SlotSampling = { ...SamplingSchema.parse({ temperature: 0 }), seed: 1 };
const story = "Once upon a time there was a little bee. One day the bee went to the garden";
const count = 8;

/**
 * Registers a suite for a backend that saves snapshots, with at least two slots, a context of 256 tokens and no snapshots yet. The suite disposes of
 * this backend, makes a second one that finds the snapshots, and disposes of the second one too.
 */
export function statesContract(name: string, makeBackend: () => Promise<Backend>): void {
  describe(`${name} saves KV snapshots`, () => {
    let backend: DrivenBackend;
    beforeAll(async () => {
      backend = driveSlots(await makeBackend());
    });
    afterAll(() => backend.dispose());

    const prompt = async (): Promise<readonly Token[]> =>
      entryTokens((await backend.tokenize({ kind: "text", text: story })).entries);

    test("a slot that loads the snapshot of another slot answers as if it had computed the prompt", async () => {
      const states = statesOf(backend);
      const answer = await generate(backend, 0, await prompt(), 0);
      // A snapshot has everything that the slot holds. The last token of the answer is not computed.
      const expected = states.bytesOf((await prompt()).length + count - 1);
      const state = await states.save(0, await prompt(), "alice");
      expect(state).toMatchObject({ entries: await prompt(), cacheScope: "alice" });
      expect(state.bytes).toBeGreaterThan(0.95 * expected);
      expect(state.bytes).toBeLessThan(1.05 * expected);
      expect(await states.load(1, state)).toBe(true);
      expect(await generate(backend, 1, await prompt(), (await prompt()).length - 1)).toEqual(answer);
      expect(
        await generate(backend, 0, await prompt(), (await prompt()).length - 1),
        "the saved slot is as it was",
      ).toEqual(answer);
      states.remove(state);
    });

    test("a part of a snapshot serves a prompt with another continuation", async () => {
      const states = statesOf(backend);
      const other = [...(await prompt()).slice(0, 12), ...(await prompt()).slice(3, 9)];
      const answer = await generate(backend, 0, other, 0);
      await generate(backend, 0, await prompt(), 0);
      const state = await states.save(0, await prompt(), "alice");
      expect(await states.load(1, state)).toBe(true);
      expect(await generate(backend, 1, other, 12)).toEqual(answer);
      states.remove(state);
    });

    test("a slot can be saved while its job runs", async () => {
      const states = statesOf(backend);
      const answer = await generate(backend, 0, await prompt(), 0);
      await backend.begin(0, 0, greedy);
      const sampled = [tokenOf((await backend.step([prefill(0, await prompt(), 0)]))[0])];
      const state = await states.save(0, await prompt(), "alice");
      while (sampled.length < count) sampled.push(tokenOf((await backend.step([{ kind: "decode", slot: 0 }]))[0]));
      await backend.end(0);
      expect(sampled).toEqual(answer);
      expect(await states.load(1, state)).toBe(true);
      expect(await generate(backend, 1, await prompt(), (await prompt()).length - 1)).toEqual(answer);
      states.remove(state);
    });

    test("a missing snapshot is not loaded, and the slot is empty", async () => {
      const states = statesOf(backend);
      const answer = await generate(backend, 0, await prompt(), 0);
      const state = await states.save(0, await prompt(), "alice");
      states.remove(state);
      expect(await states.load(0, state)).toBe(false);
      expect(await generate(backend, 0, await prompt(), 0)).toEqual(answer);
    });

    test("a later backend finds the snapshots, and answers from them", async () => {
      const answer = await generate(backend, 0, await prompt(), 0);
      const saved = await statesOf(backend).save(0, await prompt(), "alice");
      await backend.dispose();
      backend = driveSlots(await makeBackend());
      const states = statesOf(backend);
      expect(states.found).toEqual([saved]);
      expect(await states.load(1, saved)).toBe(true);
      expect(await generate(backend, 1, await prompt(), (await prompt()).length - 1)).toEqual(answer);
      states.remove(saved);
    });
  });
}

function statesOf({ states }: DrivenBackend): NonNullable<DrivenBackend["states"]> {
  if (states === undefined) throw new Error("This backend saves no snapshots");
  return states;
}

/** The slot's answer to this prompt. @param held number of the prompt's tokens that the slot already holds */
async function generate(
  backend: DrivenBackend,
  slot: number,
  prompt: readonly Token[],
  held: number,
): Promise<Token[]> {
  await backend.begin(slot, held, greedy);
  const sampled = [tokenOf((await backend.step([prefill(slot, prompt, held)]))[0])];
  while (sampled.length < count) sampled.push(tokenOf((await backend.step([{ kind: "decode", slot }]))[0]));
  await backend.end(slot);
  return sampled;
}

function prefill(
  slot: number,
  prompt: readonly Token[],
  held: number,
): { kind: "prefill"; slot: number; tokens: readonly Token[]; sample: true } {
  return { kind: "prefill", slot, tokens: prompt.slice(held), sample: true };
}

function tokenOf(result: EntryResult | undefined): Token {
  if (result?.kind !== "token") throw new Error(`Expected a token and got ${JSON.stringify(result)}`);
  return result.token;
}
