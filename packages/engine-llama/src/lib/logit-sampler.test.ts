import type { SlotSampling } from "@waggle/engine";
import { SamplingSchema } from "@waggle/protocol";
import { describe, expect, it } from "vitest";
import { createLogitSampler } from "./logit-sampler.ts";

const logits = new Map([
  [5, 3],
  [6, 2],
  [7, 1],
  [8, -1],
]);
const totalWeight = [0, -1, -2, -4].reduce((sum, x) => sum + Math.exp(x), 0);

function sampler(more: Partial<SlotSampling>, recent: readonly number[] = [], banned: readonly number[] = []) {
  const sampling = { ...SamplingSchema.parse({}), min_p: 0, top_p: 1, top_k: 0, seed: 1, topLogprobs: 2, ...more };
  return createLogitSampler({ sampling, recent: () => recent, banned: (token) => banned.includes(token) });
}

function frequencies(more: Partial<SlotSampling>, recent: readonly number[] = []): Map<number, number> {
  const one = sampler(more, recent);
  const counts = new Map<number, number>();
  for (let i = 0; i < 20_000; i += 1) {
    const token = one.sample(logits, totalWeight)?.token ?? -1;
    counts.set(token, (counts.get(token) ?? 0) + 1 / 20_000);
  }
  return counts;
}

describe("logit sampler", () => {
  it("tells logprobs of the raw distribution, whatever is sampled", () => {
    const { logprobs } = sampler({ temperature: 0, logit_bias: { "7": 50 } }).sample(logits, totalWeight) ?? {};
    expect(logprobs?.top.map(({ token }) => token)).toEqual([5, 6]);
    expect(logprobs?.top[0]?.logprob).toBeCloseTo(Math.log(1 / totalWeight), 10);
    expect(logprobs?.logprob).toBeCloseTo(Math.log(Math.exp(-2) / totalWeight), 10);
  });

  it("draws in proportion to the probabilities, sharpened by the temperature", () => {
    const plain = frequencies({ temperature: 1 });
    expect(plain.get(5)).toBeCloseTo(1 / totalWeight, 1);
    expect(plain.get(6)).toBeCloseTo(Math.exp(-1) / totalWeight, 1);
    expect(frequencies({ temperature: 0.3 }).get(5) ?? 0).toBeGreaterThan(0.9);
  });

  it("cuts off by top-k, top-p and min-p", () => {
    expect([...frequencies({ temperature: 1, top_k: 2 }).keys()].sort((a, b) => a - b)).toEqual([5, 6]);
    expect([...frequencies({ temperature: 1, top_p: 0.5 }).keys()]).toEqual([5]);
    expect([...frequencies({ temperature: 2, min_p: 0.3 }).keys()].sort((a, b) => a - b)).toEqual([5, 6]);
  });

  it("honours biases, bans and penalties", () => {
    expect(sampler({ temperature: 0, logit_bias: { "5": -100 } }).sample(logits, totalWeight)?.token).toBe(6);
    expect(sampler({ temperature: 0 }, [], [5, 6]).sample(logits, totalWeight)?.token).toBe(7);
    expect(sampler({ temperature: 0, presence_penalty: 2 }, [5]).sample(logits, totalWeight)?.token).toBe(6);
    expect(sampler({ temperature: 0, frequency_penalty: 1.2 }, [5, 5, 6]).sample(logits, totalWeight)?.token).toBe(7);
    expect(sampler({ temperature: 0, repeat_penalty: 4 }, [5]).sample(logits, totalWeight)?.token).toBe(6);
    expect(sampler({ temperature: 0 }, [], [5, 6, 7, 8]).sample(logits, totalWeight)).toBeUndefined();
  });

  it("takes the best choices away with XTC, but for the last of them", () => {
    const xtc = { temperature: 1, xtc_probability: 1, xtc_threshold: 0.2 };
    expect([...frequencies(xtc).keys()].sort((a, b) => a - b)).toEqual([6, 7, 8]);
    expect(sampler({ ...xtc, temperature: 0 }).sample(logits, totalWeight)?.token).toBe(6);
    expect(frequencies({ ...xtc, xtc_probability: 0.5 }).get(5)).toBeCloseTo(0.5 / totalWeight, 1);
    expect(sampler({ ...xtc, xtc_threshold: 0.9, temperature: 0 }).sample(logits, totalWeight)?.token).toBe(5);
  });

  it("chooses among what a grammar allows, asked for as little as possible", () => {
    const asked: number[] = [];
    const withGrammar = (tokens: readonly number[], more: Partial<SlotSampling> = {}) => {
      const sampling = { ...SamplingSchema.parse({ temperature: 0, top_k: 40 }), seed: 1, ...more };
      const allows = (token: number): boolean => {
        asked.push(token);
        return tokens.includes(token);
      };
      const one = createLogitSampler({ sampling, recent: () => [], banned: () => false, grammar: { allows } });
      // What the grammar suggests comes last, whatever its logit.
      return one.sample(new Map([...logits, [9, 2.5]]), totalWeight)?.token;
    };
    expect(withGrammar([5, 7])).toBe(5);
    expect(asked).toEqual([5]);
    expect(withGrammar([7, 8])).toBe(7);
    expect(withGrammar([9, 6])).toBe(9);
    expect(withGrammar([7], { logit_bias: { "7": -100 } }), "a ban that leaves nothing").toBe(7);
    expect(withGrammar([7, 8], { logit_bias: { "7": -100 } })).toBe(8);
    expect(withGrammar([])).toBeUndefined();
  });

  it("repeats itself with the same seed", () => {
    const run = (seed: number) => {
      const one = sampler({ temperature: 1, seed });
      return Array.from({ length: 20 }, () => one.sample(logits, totalWeight)?.token);
    };
    expect(run(9)).toEqual(run(9));
    expect(run(9)).not.toEqual(run(10));
  });

  it("asks for all logits only where it must", () => {
    expect(sampler({ temperature: 0.8, top_k: 40 }).needed).toBe(56);
    expect(sampler({ temperature: 0, top_k: 0, topLogprobs: 20 }).needed).toBe(20);
    expect(sampler({ temperature: 1, top_k: 0 }).needed).toBeUndefined();
    expect(sampler({ temperature: 1, top_k: 40, presence_penalty: 1 }).needed).toBeUndefined();
  });
});

it("fills a hole with what it is sure of, and ends it where it is not", () => {
  const vocabulary = {
    isEndOfGeneration: (token: number) => token === 9,
    tokenBytes: (token: number) => Uint8Array.of(token),
    end: 9,
  };
  const fill = (more: Partial<SlotSampling>) => {
    const sampling = { ...SamplingSchema.parse({}), min_p: 0, top_p: 1, top_k: 40, seed: 1, fillIn: true, ...more };
    return createLogitSampler({ sampling, recent: () => [], banned: () => false, vocabulary });
  };
  const sure = new Set(Array.from({ length: 200 }, () => fill({}).sample(logits, totalWeight)?.token));
  expect([...sure].every((token) => token === 5 || token === 6)).toBe(true);
  const flat = new Map(Array.from({ length: 12 }, (_, token) => [token + 10, 0]));
  expect(fill({}).sample(flat, 12)?.token).toBe(9);
  expect(fill({ temperature: 0 }).sample(flat, 12)?.token).toBe(9);
  expect(fill({ ignore_eos: true, temperature: 0 }).sample(flat, 12)?.token).toBe(10);
});
