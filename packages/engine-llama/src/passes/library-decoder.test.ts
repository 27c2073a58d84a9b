// Tests the calls of a decoder on the library's context object: their order, and which draws fail if a call fails.
import { deferred } from "@waggle/async";
import { describe, expect, it } from "vitest";
import { greedy, type BatchDecoder, type Draws } from "./batch-decoder.ts";
import type { LibraryContext, LibrarySampler } from "./library-context.ts";
import { createLibraryDecoder } from "./library-decoder.ts";

type Config = Parameters<LibrarySampler["applyConfig"]>[0];

/** A fake context that records its calls. The token that it samples is 100 + the sample position; with some seeds, sampling fails. */
function fakeDecoder({ inOrder = true } = {}) {
  const calls: unknown[][] = [];
  const decoded = deferred<void>();
  const configs = new Map<object, Config[]>();
  const context = {
    initBatch: (size: number) => void calls.push(["initBatch", size]),
    addToBatch(sequence: number, from: number, tokens: Uint32Array, withLogits: Uint32Array) {
      calls.push(["addToBatch", sequence, from, [...tokens], [...withLogits]]);
    },
    decodeBatch() {
      calls.push(["decodeBatch"]);
      return decoded.promise;
    },
    async sampleToken(position: number, sampler: object, ...reading: unknown[]) {
      calls.push(["sampleToken", position]);
      if (reading.length > 0) return [7, undefined, undefined, [7, 5, 9, 4], 2.5];
      const seed = configs.get(sampler)?.at(-1)?.seed;
      if (seed === 13) throw new Error("Unlucky");
      return seed === 14 ? -1 : 100 + position;
    },
  } as unknown as LibraryContext;
  const createSampler = (): LibrarySampler => ({
    applyConfig(config) {
      configs.set(this, [...(configs.get(this) ?? []), config]);
    },
  });
  const library = { context, model: {}, createSampler, createCheckpoint: () => expect.unreachable() };
  const decoder = createLibraryDecoder(library, inOrder);
  return { decoder, calls, decoded, configs: () => [...configs.values()], namesOf: () => calls.map(([name]) => name) };
}

const batch = {
  tokens: Int32Array.of(4, 7, 8, 5, 6),
  sequences: Int32Array.of(0, 1, 1, 2, 2),
  positions: Int32Array.of(5, 0, 1, 5, 6),
  outputs: Int32Array.of(0, 3, 4),
};

/** `greedy` in the library's names. */
const plain = { temperature: 0, topK: 0, topP: 1, minP: 0 };

function drawsOf(decoder: BatchDecoder, seeds: readonly number[], topCounts = seeds.map(() => 0)): Draws {
  const samplers = seeds.map(() => decoder.createSampler());
  for (const sampler of samplers) sampler.configure(greedy);
  const at = Int32Array.of(0, 3, 4).slice(0, seeds.length);
  return { at, samplers, seeds: Uint32Array.from(seeds), topCounts: Uint32Array.from(topCounts) };
}

describe("the library's decoder", () => {
  it("adds the tokens of each sequence at once, with their sample positions", async () => {
    const { decoder, calls, decoded } = fakeDecoder();
    decoded.resolve();
    expect([...(await decoder.decode(batch, drawsOf(decoder, [1, 2])))]).toEqual([100, 103]);
    expect(calls.slice(0, 5)).toEqual([
      ["initBatch", 5],
      ["addToBatch", 0, 5, [4], [0]],
      ["addToBatch", 1, 0, [7, 8], []],
      ["addToBatch", 2, 5, [5, 6], [0, 1]],
      ["decodeBatch"],
    ]);
  });

  it("requests sampling together with the batch if the library keeps the order of calls, else after the batch", async () => {
    for (const inOrder of [true, false]) {
      const { decoder, decoded, namesOf } = fakeDecoder({ inOrder });
      const step = decoder.decode(batch, drawsOf(decoder, [1]));
      expect(namesOf().includes("sampleToken")).toBe(inOrder);
      decoded.resolve();
      expect([...(await step)]).toEqual([100]);
    }
  });

  it("sets the seed and the penalties' tokens of each sampler, until it has other settings", async () => {
    const { decoder, decoded, configs } = fakeDecoder();
    decoded.resolve();
    const draws = drawsOf(decoder, [77]);
    draws.samplers[0]?.setRecent(Uint32Array.of(1, 2));
    await decoder.decode(batch, draws);
    expect(configs()[0]?.at(-1)).toEqual({ ...plain, seed: 77, repeatPenaltyTokens: Uint32Array.of(1, 2) });
    draws.samplers[0]?.configure({ ...greedy, temperature: 1 });
    await decoder.decode(batch, { ...draws, seeds: Uint32Array.of(78) });
    expect(configs()[0]?.at(-1)).toEqual({ ...plain, temperature: 1, seed: 78 });
  });

  it("cannot sample with DRY, but with all other settings", () => {
    const { decoder } = fakeDecoder();
    const changed = { ...greedy, temperature: 0.7, top_k: 3, top_p: 0.5, min_p: 0.2, xtc_probability: 0.1 };
    const penalised = { ...changed, repeat_penalty: 2, presence_penalty: 1, frequency_penalty: -1, dry_base: 3 };
    expect(decoder.canSample(penalised)).toBe(true);
    expect(decoder.canSample({ ...greedy, dry_multiplier: 0.5 })).toBe(false);
  });

  it("starts the random numbers again if a seed follows itself", async () => {
    const { decoder, decoded, configs } = fakeDecoder();
    decoded.resolve();
    const draws = drawsOf(decoder, [77]);
    for (let i = 0; i < 2; i++) await decoder.decode(batch, draws);
    expect(configs()[0]?.map(({ seed }) => seed)).toEqual([77, 0, 77]);
  });

  it("fails if decoding fails, even if sampling was already requested", async () => {
    const { decoder, decoded } = fakeDecoder();
    const step = decoder.decode(batch, drawsOf(decoder, [13, 1]));
    decoded.reject(new Error("Eval has failed"));
    await expect(step).rejects.toThrow("Eval has failed");
  });

  it("has no token for a draw that fails, and tokens for the others", async () => {
    const { decoder, decoded } = fakeDecoder();
    decoded.resolve();
    const numbers = await decoder.decode(batch, drawsOf(decoder, [13, 1, 14], [2, 0, 1]));
    expect([...numbers]).toEqual([-1, NaN, NaN, NaN, NaN, NaN, 103, -1, NaN, NaN, NaN]);
  });

  it("reads logprobs after the draw, and logits at any time, each with samplers that draw nothing", async () => {
    const { decoder, decoded, configs } = fakeDecoder();
    decoded.resolve();
    const [token, , greatest, sum, ...alternatives] = await decoder.decode(batch, drawsOf(decoder, [1], [3]));
    expect([token, greatest, sum, alternatives]).toEqual([100, 5, 2.5, [7, 5, 9, 4]]);
    const request = { tokens: [9], top: 1, total: false };
    const both = await Promise.all([decoder.logits(3, request), decoder.logits(4, request)]);
    expect(both[0]?.logits.get(9)).toBe(4);
    expect(configs(), "a sampler draws, and two read at the same time").toHaveLength(3);
  });
});
