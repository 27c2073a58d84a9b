import type { SlotSampling, Token } from "@waggle/engine";
import { SamplingSchema } from "@waggle/protocol";
import { describe, expect, it } from "vitest";
import { createLogitSampler, logprobsOf, type LogitSamplerOptions } from "./logit-sampler.ts";

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

function greedily(banned: readonly Token[]) {
  return sampler({ temperature: 0 }, { banned: (token) => banned.includes(token) }).sample(position, 1);
}

const noneListed = () => ({ tokens: [], areAll: false });

it("logprobs are those of the raw distribution", () => {
  const { logprob, top } = logprobsOf(position, 7, 2);
  expect(top.map(({ token }) => token)).toEqual([5, 6]);
  expect(top[0]?.logprob).toBeCloseTo(Math.log(1 / totalWeight), 10);
  expect(logprob).toBeCloseTo(Math.log(Math.exp(-2) / totalWeight), 10);
  expect(() => logprobsOf({ logits }, 7, 2)).toThrow("the sum");
});

describe("logit sampler", () => {
  it("chooses no banned tokens, and none if all are banned", () => {
    expect(greedily([5, 6])).toBe(7);
    expect(greedily([5, 6, 7, 8])).toBeUndefined();
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
