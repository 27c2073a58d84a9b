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

const noneListed = () => ({ tokens: [], areAll: false });
const tokensOf = (more: Partial<SlotSampling>) => [...frequencies(more).keys()].sort((a, b) => a - b);

it("logprobs are those of the raw distribution", () => {
  const { logprob, top } = logprobsOf(position, 7, 2);
  expect(top.map(({ token }) => token)).toEqual([5, 6]);
  expect(top[0]?.logprob).toBeCloseTo(Math.log(1 / totalWeight), 10);
  expect(logprob).toBeCloseTo(Math.log(Math.exp(-2) / totalWeight), 10);
  expect(() => logprobsOf({ logits }, 7, 2)).toThrow("the sum");
});

describe("logit sampler", () => {
  it("draws in proportion to the probabilities, with temperature", () => {
    const plain = frequencies({ temperature: 1 });
    expect(plain.get(5)).toBeCloseTo(1 / totalWeight, 1);
    expect(plain.get(6)).toBeCloseTo(Math.exp(-1) / totalWeight, 1);
    expect(frequencies({ temperature: 0.3 }).get(5) ?? 0).toBeGreaterThan(0.9);
  });

  it("applies top-k, top-p and min-p", () => {
    expect(tokensOf({ temperature: 1, top_k: 2 })).toEqual([5, 6]);
    expect(tokensOf({ temperature: 1, top_p: 0.5 })).toEqual([5]);
    expect(tokensOf({ temperature: 1, top_p: 0 })).toEqual([5]);
    expect(tokensOf({ temperature: 2, min_p: 0.3 })).toEqual([5, 6]);
  });

  it("applies biases, bans and penalties", () => {
    expect(greedily({ logit_bias: { "7": 50 } })).toBe(7);
    expect(greedily({ logit_bias: { "5": -100 } })).toBe(6);
    expect(greedily({}, [], [5, 6])).toBe(7);
    expect(greedily({ presence_penalty: 2 }, [5])).toBe(6);
    expect(greedily({ frequency_penalty: 1.2 }, [5, 5, 6])).toBe(7);
    expect(greedily({ repeat_penalty: 4 }, [5])).toBe(6);
    expect(greedily({}, [], [5, 6, 7, 8])).toBeUndefined();
  });

  it("applies penalties only to the last `repeat_last_n` tokens", () => {
    expect(greedily({ presence_penalty: 2, repeat_last_n: 2 }, [5, 9, 9])).toBe(5);
    expect(greedily({ presence_penalty: 2, repeat_last_n: 3 }, [5, 9, 9])).toBe(6);
    expect(greedily({ presence_penalty: 2, repeat_last_n: 0 }, [5])).toBe(5);
  });

  it("penalises repetitions with DRY, except across breakers", () => {
    const dry = { dry_multiplier: 2, dry_allowed_length: 2 };
    const history = [1, 2, 5, 1, 2];
    expect(greedily(dry, history)).toBe(6);
    expect(greedily({ ...dry, dry_penalty_last_n: 4 }, history)).toBe(5);
    const dryBreakers = new Map([[2, [[]]]]);
    const broken = sampler({ temperature: 0, ...dry }, { history: () => history, dryBreakers });
    expect(broken.sample(position, 1)).toBe(5);
  });

  it("removes the tokens above XTC's threshold, except the least probable of them", () => {
    const xtc = { temperature: 1, xtc_probability: 1, xtc_threshold: 0.2 };
    expect(tokensOf(xtc)).toEqual([6, 7, 8]);
    expect(greedily({ ...xtc, temperature: 0 })).toBe(6);
    expect(frequencies({ ...xtc, xtc_probability: 0.5 }).get(5)).toBeCloseTo(0.5 / totalWeight, 1);
    expect(greedily({ ...xtc, xtc_threshold: 0.9, temperature: 0 })).toBe(5);
  });

  it("samples the same token with the same seed, whatever it has sampled before", () => {
    const one = sampler({ temperature: 1 });
    const run = (seed: number) => Array.from({ length: 20 }, (_, at) => one.sample(position, tokenSeed(seed, at)));
    const first = run(9);
    expect(run(9)).toEqual(first);
    expect(run(10)).not.toEqual(first);
    expect(one.sample(position, tokenSeed(9, 19))).toBe(first.at(-1));
  });

  it("chooses the lowest id of equally probable tokens", () => {
    const even = new Map([
      [7, 1],
      [4, 1],
      [9, 0],
    ]);
    expect(sampler({ temperature: 0 }).sample({ logits: even }, 1)).toBe(4);
  });

  it("chooses a token that the grammar allows, with as few checks as possible", () => {
    const asked: number[] = [];
    const withGrammar = (tokens: readonly number[], more: Partial<SlotSampling> = {}) => {
      const allows = (token: number): boolean => {
        asked.push(token);
        return tokens.includes(token);
      };
      const one = sampler({ temperature: 0, top_k: 40, ...more }, { grammar: { allows, candidates: noneListed } });
      // In the logits, the grammar's candidates come last and not in the order of their logits.
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

  it("draws a new random number after the grammar has rejected a token", () => {
    const flat = { logits: new Map(Array.from({ length: 10 }, (_, token): [Token, number] => [token, 0])) };
    const grammar = { allows: (token: Token) => token > 1, candidates: noneListed };
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

it("infill chooses probable tokens, and ends if the model is unsure", () => {
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

  it("is for all tokens that may be chosen, and a few more", () => {
    expect(request({})).toEqual({ tokens: [], top: 56, total: false });
    expect(request({ temperature: 0, top_k: 0 })).toEqual({ tokens: [], top: 17, total: false });
    expect(request({ temperature: 0, topLogprobs: 20 })).toEqual({ tokens: [], top: 20, total: true });
  });

  it("is for one more token for each token whose logit may be lowered", () => {
    expect(request({ presence_penalty: 1 }, { history }).top).toBe(59);
    expect(request({ repeat_penalty: 1.1, repeat_last_n: 2 }, { history }).top).toBe(58);
    expect(request({ repeat_penalty: 1.1, repeat_last_n: 0 }, { history }).top).toBe(56);
    expect(request({ dry_multiplier: 1, dry_allowed_length: 1 }, { history }).top).toBe(58);
    expect(request({ logit_bias: { "3": -1, "4": -100, "5": 2 } })).toEqual({ tokens: [5], top: 58, total: false });
  });

  it("is for the whole vocabulary only if necessary", () => {
    expect(request({ top_k: 0 }).top).toBe("all");
    expect(request({ presence_penalty: -1 }).top).toBe("all");
    expect(request({ repeat_penalty: 0.9 }).top).toBe("all");
    expect(request({ repeat_penalty: 0.9, repeat_last_n: 0 }).top).toBe(56);
    expect(request({ xtc_probability: 0.5 }).top).toBe(56);
    expect(request({ xtc_probability: 0.5, temperature: 0 }).top).toBe("all");
    expect(request({ xtc_probability: 0.5, xtc_threshold: 0.6, temperature: 0 }).top).toBe(17);
  });

  it("also has the grammar's candidates, and depends on the history", () => {
    const held = [1];
    let at = 0;
    const grammar = { allows: () => true, candidates: () => ({ tokens: [at++], areAll: false }) };
    const sampling = { ...SamplingSchema.parse({ top_k: 300, presence_penalty: 1 }), seed: 1 };
    const one = createLogitSampler({ sampling, history: () => held, banned: () => false, grammar });
    expect(one.request()).toEqual({ tokens: [0], top: 317, total: false });
    held.push(2);
    expect(one.request()).toEqual({ tokens: [1], top: 318, total: false });
    expect(request({}, { grammar }).top).toBe(256);
  });

  it("is for the allowed tokens alone, if they are known and the library's token was rejected", () => {
    const grammar = { allows: () => true, candidates: () => ({ tokens: [4, 9], areAll: true }) };
    const rejected = (more: Partial<SlotSampling>) => sampler({ top_k: 0, ...more }, { grammar }).request(true);
    expect(rejected({})).toEqual({ tokens: [4, 9], top: 0, total: false });
    expect(rejected({ topLogprobs: 3 })).toEqual({ tokens: [4, 9], top: 3, total: true });
    expect(rejected({ xtc_probability: 0.5 }).top).toBe("all");
    expect(request({}, { grammar })).toEqual({ tokens: [4, 9], top: 256, total: false });
  });
});
