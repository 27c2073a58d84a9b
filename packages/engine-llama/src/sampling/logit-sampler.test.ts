import type { SlotSampling, Token } from "@waggle/engine";
import { SamplingSchema } from "@waggle/protocol";
import { describe, expect, it } from "vitest";
import { createLogitSampler, logprobsOf, type LogitSamplerOptions } from "./logit-sampler.ts";
import { tokenSeed } from "./random.ts";

const logits = new Map([
  [5, 3],
  [6, 2],
  [7, 1],
  [8, -1],
]);
const totalWeight = [0, -1, -2, -4].reduce((sum, x) => sum + Math.exp(x), 0);
const position = { logits, totalWeight };

function sampler(more: Partial<SlotSampling>, options: Partial<LogitSamplerOptions> = {}) {
  const sampling = { ...SamplingSchema.parse({}), min_p: 0, top_p: 1, top_k: 0, seed: 1, ...more };
  return createLogitSampler({ sampling, history: () => [], banned: () => false, ...options });
}

function greedily(more: Partial<SlotSampling>, history: readonly Token[] = [], banned: readonly Token[] = []) {
  const options = { history: () => history, banned: (token: Token) => banned.includes(token) };
  return sampler({ temperature: 0, ...more }, options).sample(position, 1);
}

function frequencies(more: Partial<SlotSampling>): Map<number, number> {
  const one = sampler(more);
  const counts = new Map<number, number>();
  for (let i = 0; i < 5_000; i += 1) {
    const token = one.sample(position, tokenSeed(3, i)) ?? -1;
    counts.set(token, (counts.get(token) ?? 0) + 1 / 5_000);
  }
  return counts;
}

const tokensOf = (more: Partial<SlotSampling>) => [...frequencies(more).keys()].sort((a, b) => a - b);

it("computes logprobs of the raw distribution, for the requested tokens", () => {
  const { logprob, top } = logprobsOf(position, 7, 2);
  expect(top.map(({ token }) => token)).toEqual([5, 6]);
  expect(top[0]?.logprob).toBeCloseTo(Math.log(1 / totalWeight), 10);
  expect(logprob).toBeCloseTo(Math.log(Math.exp(-2) / totalWeight), 10);
  expect(() => logprobsOf({ logits }, 7, 2)).toThrow("the sum");
});

describe("logit sampler", () => {
  it("draws in proportion to the probabilities, sharpened by the temperature", () => {
    const plain = frequencies({ temperature: 1 });
    expect(plain.get(5)).toBeCloseTo(1 / totalWeight, 1);
    expect(plain.get(6)).toBeCloseTo(Math.exp(-1) / totalWeight, 1);
    expect(frequencies({ temperature: 0.3 }).get(5) ?? 0).toBeGreaterThan(0.9);
  });

  it("cuts off by top-k, top-p and min-p", () => {
    expect(tokensOf({ temperature: 1, top_k: 2 })).toEqual([5, 6]);
    expect(tokensOf({ temperature: 1, top_p: 0.5 })).toEqual([5]);
    expect(tokensOf({ temperature: 1, top_p: 0 })).toEqual([5]);
    expect(tokensOf({ temperature: 2, min_p: 0.3 })).toEqual([5, 6]);
  });

  it("honours biases, bans and penalties", () => {
    expect(greedily({ logit_bias: { "7": 50 } })).toBe(7);
    expect(greedily({ logit_bias: { "5": -100 } })).toBe(6);
    expect(greedily({}, [], [5, 6])).toBe(7);
    expect(greedily({ presence_penalty: 2 }, [5])).toBe(6);
    expect(greedily({ frequency_penalty: 1.2 }, [5, 5, 6])).toBe(7);
    expect(greedily({ repeat_penalty: 4 }, [5])).toBe(6);
    expect(greedily({}, [], [5, 6, 7, 8])).toBeUndefined();
  });

  it("applies penalties to so many of the last tokens only", () => {
    expect(greedily({ presence_penalty: 2, repeat_last_n: 2 }, [5, 9, 9])).toBe(5);
    expect(greedily({ presence_penalty: 2, repeat_last_n: 3 }, [5, 9, 9])).toBe(6);
    expect(greedily({ presence_penalty: 2, repeat_last_n: 0 }, [5])).toBe(5);
  });

  it("penalises a repetition with DRY, but for its breakers", () => {
    const dry = { dry_multiplier: 2, dry_allowed_length: 2 };
    const history = [1, 2, 5, 1, 2];
    expect(greedily(dry, history)).toBe(6);
    expect(greedily({ ...dry, dry_penalty_last_n: 4 }, history)).toBe(5);
    const dryBreakers = new Map([[2, [[]]]]);
    const broken = sampler({ temperature: 0, ...dry }, { history: () => history, dryBreakers });
    expect(broken.sample(position, 1)).toBe(5);
  });

  it("takes the best choices away with XTC, but for the last of them", () => {
    const xtc = { temperature: 1, xtc_probability: 1, xtc_threshold: 0.2 };
    expect(tokensOf(xtc)).toEqual([6, 7, 8]);
    expect(greedily({ ...xtc, temperature: 0 })).toBe(6);
    expect(frequencies({ ...xtc, xtc_probability: 0.5 }).get(5)).toBeCloseTo(0.5 / totalWeight, 1);
    expect(greedily({ ...xtc, xtc_threshold: 0.9, temperature: 0 })).toBe(5);
  });

  it("samples the same with the same seed, whatever it has sampled before", () => {
    const one = sampler({ temperature: 1 });
    const run = (seed: number) => Array.from({ length: 20 }, (_, at) => one.sample(position, tokenSeed(seed, at)));
    const first = run(9);
    expect(run(9)).toEqual(first);
    expect(run(10)).not.toEqual(first);
    expect(one.sample(position, tokenSeed(9, 19))).toBe(first.at(-1));
  });

  it("takes the lowest of equally probable tokens", () => {
    const even = new Map([
      [7, 1],
      [4, 1],
      [9, 0],
    ]);
    expect(sampler({ temperature: 0 }).sample({ logits: even }, 1)).toBe(4);
  });

  it("chooses among the tokens that a grammar allows, with as few checks as possible", () => {
    const asked: number[] = [];
    const withGrammar = (tokens: readonly number[], more: Partial<SlotSampling> = {}) => {
      const allows = (token: number): boolean => {
        asked.push(token);
        return tokens.includes(token);
      };
      const one = sampler({ temperature: 0, top_k: 40, ...more }, { grammar: { allows, candidates: () => [] } });
      // The candidates of the grammar come last, whatever their logits.
      return one.sample({ logits: new Map([...logits, [9, 2.5]]), totalWeight }, 1);
    };
    expect(withGrammar([5, 7])).toBe(5);
    expect(asked).toEqual([5]);
    expect(withGrammar([7, 8])).toBe(7);
    expect(withGrammar([9, 6])).toBe(9);
    expect(withGrammar([7], { logit_bias: { "7": -100 } }), "a ban that leaves nothing").toBe(7);
    expect(withGrammar([7, 8], { logit_bias: { "7": -100 } })).toBe(8);
    expect(withGrammar([])).toBeUndefined();
  });

  it("draws again where a grammar refused: the first number led to a refused token", () => {
    const flat = { logits: new Map(Array.from({ length: 10 }, (_, token): [Token, number] => [token, 0])) };
    const grammar = { allows: (token: Token) => token > 1, candidates: () => [] };
    const one = sampler({ temperature: 1 }, { grammar });
    const counts = new Map<Token, number>();
    for (let i = 0; i < 8_000; i++) {
      const token = one.sample(flat, tokenSeed(1, i)) ?? -1;
      counts.set(token, (counts.get(token) ?? 0) + 1);
    }
    expect(counts.size).toBe(8);
    for (const count of counts.values()) expect(Math.abs(count - 1_000)).toBeLessThan(150);
  });
});

it("fills a hole with sure tokens, and ends it where the model is unsure", () => {
  const vocabulary = {
    isEndOfGeneration: (token: number) => token === 9,
    tokenBytes: (token: number) => Uint8Array.of(token),
    end: 9,
  };
  const fill = (more: Partial<SlotSampling>) => sampler({ top_k: 40, fillIn: true, ...more }, { vocabulary });
  const sure = new Set(Array.from({ length: 200 }, (_, seed) => fill({}).sample(position, seed)));
  expect([...sure]).toEqual([5]);
  const flat = { logits: new Map(Array.from({ length: 12 }, (_, token) => [token + 10, 0])) };
  expect(fill({}).sample(flat, 1)).toBe(9);
  expect(fill({ temperature: 0 }).sample(flat, 1)).toBe(9);
  expect(fill({ ignore_eos: true, temperature: 0 }).sample(flat, 1)).toBe(10);
  expect(fill({}).request()).toEqual({ tokens: [9], top: 56, total: false });
});

describe("the request of the logit sampler", () => {
  const request = (more: Partial<SlotSampling>, options: Partial<LogitSamplerOptions> = {}) =>
    sampler({ temperature: 0.8, top_k: 40, ...more }, options).request();
  const history = () => [1, 2, 2, 3, 1, 2];

  it("is for as many tokens as may be chosen, and some to spare", () => {
    expect(request({})).toEqual({ tokens: [], top: 56, total: false });
    expect(request({ temperature: 0, top_k: 0 })).toEqual({ tokens: [], top: 17, total: false });
    expect(request({ temperature: 0, topLogprobs: 20 })).toEqual({ tokens: [], top: 20, total: true });
  });

  it("is one more for each token that something may lower", () => {
    expect(request({ presence_penalty: 1 }, { history }).top).toBe(59);
    expect(request({ repeat_penalty: 1.1, repeat_last_n: 2 }, { history }).top).toBe(58);
    expect(request({ repeat_penalty: 1.1, repeat_last_n: 0 }, { history }).top).toBe(56);
    expect(request({ dry_multiplier: 1, dry_allowed_length: 1 }, { history }).top).toBe(58);
    expect(request({ logit_bias: { "3": -1, "4": -100, "5": 2 } })).toEqual({ tokens: [5], top: 58, total: false });
  });

  it("is for all tokens only where necessary", () => {
    expect(request({ top_k: 0 }).top).toBe("all");
    expect(request({ presence_penalty: -1 }).top).toBe("all");
    expect(request({ repeat_penalty: 0.9 }).top).toBe("all");
    expect(request({ repeat_penalty: 0.9, repeat_last_n: 0 }).top).toBe(56);
    expect(request({ xtc_probability: 0.5 }).top).toBe(56);
    expect(request({ xtc_probability: 0.5, temperature: 0 }).top).toBe("all");
    expect(request({ xtc_probability: 0.5, xtc_threshold: 0.6, temperature: 0 }).top).toBe(17);
  });

  it("is what the grammar allows as well, and follows the history and the grammar", () => {
    const held = [1];
    let at = 0;
    const grammar = { allows: () => true, candidates: () => [at++] };
    const sampling = { ...SamplingSchema.parse({ top_k: 300, presence_penalty: 1 }), seed: 1 };
    const one = createLogitSampler({ sampling, history: () => held, banned: () => false, grammar });
    expect(one.request()).toEqual({ tokens: [0], top: 317, total: false });
    held.push(2);
    expect(one.request()).toEqual({ tokens: [1], top: 318, total: false });
    expect(request({}, { grammar }).top).toBe(256);
  });
});
