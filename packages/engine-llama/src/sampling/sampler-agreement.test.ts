// Compares our sampler with llama.cpp's on the embedded model: with the same logits and seed both must choose the same token.
import type { SlotSampling, Token } from "@waggle/engine";
import { SamplingSchema, type Sampling } from "@waggle/protocol";
import {
  LlamaGrammarEvaluationState,
  type LlamaContextSequence,
  type LlamaModel,
  type Token as LlamaToken,
} from "node-llama-cpp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { publicOptions } from "../testing/public-options.ts";
import { storyModel } from "../testing/story-model.ts";
import { createDryBreakers } from "./dry-breakers.ts";
import { openLlama } from "../load/llama.ts";
import { createLogitSampler, type LogitSampler, type PositionLogits } from "./logit-sampler.ts";
import { createTokenBytes } from "../text/token-bytes.ts";
import { tokenSeed } from "./random.ts";
import { readVocabulary } from "../text/vocabulary.ts";

const text = `Once upon a time there was a little bee. The bee was happy. The bee said, "I am happy." One day, the little bee
went to the park with her mom. She saw a big tree, and a small dog, and a red ball. "Can I play with you?" asked the dog.`;
const story = "Tim had a red ball. He liked the red ball. Every day Tim played with the";

let model: LlamaModel;
let sequence: LlamaContextSequence;
const opened: { dispose(): Promise<void> }[] = [];
beforeAll(async () => {
  const { llama } = await openLlama({ device: "cpu", maxThreads: 1 }, () => {});
  model = await llama.loadModel({ modelPath: storyModel });
  const context = await model.createContext({ contextSize: 256, batchSize: 256, threads: 1 });
  sequence = context.getSequence();
  opened.push(context, model);
});
afterAll(async () => {
  for (const one of opened) await one.dispose();
});

function samplingOf(fields: Partial<Sampling>): SlotSampling {
  return { ...SamplingSchema.parse({ top_k: 0, top_p: 1, min_p: 0, ...fields }), seed: 1 };
}

async function forget(): Promise<void> {
  await sequence.eraseContextTokenRanges([{ start: 0, end: sequence.nextTokenIndex }]);
}

/** The part of a position's logits that the sampler requests. */
function answer(sampler: LogitSampler, all: ReadonlyMap<Token, number>): PositionLogits {
  const { tokens, top } = sampler.request();
  if (top === "all") return { logits: all };
  const entries = [...all];
  const first = new Map(entries.slice(0, top));
  const others = entries.filter(([token]) => tokens.includes(token) && !first.has(token));
  return { logits: new Map([...first, ...others]) };
}

const neutral = { temperature: 1, topK: 0, topP: 1, minP: 0 };

describe("at each position of a text", () => {
  let tokens: LlamaToken[];
  /** Logits after each token of the text, most probable token first. */
  let positions: ReadonlyMap<Token, number>[];
  beforeAll(async () => {
    tokens = model.tokenize(text);
    await forget();
    const generateNext = { logits: true, options: neutral } as const;
    const outputs = await sequence.controlledEvaluate(tokens.map((token) => [token, { generateNext }]));
    positions = outputs.map((output) => output?.next.logits ?? new Map<Token, number>());
  });

  /** Tokens that the library samples, with a seed for each position. */
  async function theirs(sampling: SlotSampling, seed: number): Promise<(Token | null | undefined)[]> {
    await forget();
    const outputs = await sequence.controlledEvaluate(
      tokens.map((token, position) => {
        const held = tokens.slice(0, position + 1);
        const options = { ...publicOptions(sampling, model, held), seed: tokenSeed(seed, position + 1) };
        return [token, { generateNext: { token: true, options } }];
      }),
    );
    return outputs.map((output) => output?.next.token);
  }

  function ours(sampling: SlotSampling, seed: number): (Token | undefined)[] {
    let held = 0;
    const history = () => tokens.slice(0, held);
    const sampler = createLogitSampler({ sampling, history, banned: () => false });
    return positions.map((all, position) => {
      held = position + 1;
      return sampler.sample(answer(sampler, all), tokenSeed(seed, held));
    });
  }

  const bias = { "300": 4, "301": -3, "261": -100, "290": 8 };
  const penalties = { repeat_penalty: 1.3, presence_penalty: 0.6, frequency_penalty: 0.4 };
  test.each<[string, Partial<Sampling>]>([
    ["greedy", { temperature: 0 }],
    ["greedy with penalties", { temperature: 0, ...penalties }],
    ["greedy with a bias", { temperature: 0, logit_bias: bias }],
    ["greedy with XTC", { temperature: 0, xtc_probability: 0.5 }],
    ["temperature 0.3", { temperature: 0.3 }],
    ["temperature 1", { temperature: 1 }],
    ["temperature 1.5", { temperature: 1.5 }],
    ["top-k 1", { temperature: 1, top_k: 1 }],
    ["top-k 5", { temperature: 1, top_k: 5 }],
    ["top-k 40", { temperature: 1.5, top_k: 40 }],
    ["top-p", { temperature: 1, top_p: 0.9 }],
    ["top-p of nothing", { temperature: 1, top_p: 0 }],
    ["min-p", { temperature: 1.5, min_p: 0.05 }],
    ["the defaults", { top_k: 40, top_p: 0.95, min_p: 0.05 }],
    ["XTC", { temperature: 1, xtc_probability: 0.5 }],
    ["XTC always, from 0 on", { temperature: 1, top_k: 20, xtc_probability: 1, xtc_threshold: 0 }],
    ["XTC after all filters", { temperature: 1.2, top_k: 40, top_p: 0.95, min_p: 0.02, xtc_probability: 0.7 }],
    ["penalties", { temperature: 1, top_k: 40, ...penalties }],
    ["penalties over a few tokens", { temperature: 1, top_k: 40, ...penalties, repeat_last_n: 5 }],
    ["penalties that lift", { temperature: 1, top_k: 5, repeat_penalty: 0.8, presence_penalty: -1 }],
    ["a bias", { temperature: 1, top_k: 40, logit_bias: bias }],
    ["a bias on everything likely", { temperature: 1, top_k: 3, logit_bias: { "261": -100, "290": -5, "1000": 15 } }],
    ["all of it", { temperature: 1.3, top_k: 50, top_p: 0.98, min_p: 0.01, xtc_probability: 0.3, ...penalties }],
    ["all of it, with a bias", { top_k: 0, top_p: 0.9, xtc_probability: 0.3, ...penalties, logit_bias: bias }],
  ])("our sampler chooses the library's token: %s", async (_, fields) => {
    const sampling = samplingOf(fields);
    for (const seed of [1, 0xffff_fffe]) expect(ours(sampling, seed)).toEqual(await theirs(sampling, seed));
  });
});

test.each<[string, Partial<Sampling>]>([
  ["a temperature", { temperature: 1.5 }],
  ["XTC", { temperature: 1.5, top_k: 40, top_p: 0.98, xtc_probability: 0.6 }],
])("our sampler chooses the library's token after a grammar has rejected the first choice: %s", async (_, fields) => {
  const sampling = samplingOf(fields);
  const grammar = await model.llama.createGrammar({ grammar: "root ::= [^ea]*" });
  const tokenBytes = createTokenBytes(readVocabulary(model));
  const refused = new Set<Token>();
  const allows = (token: Token): boolean => {
    const bytes = tokenBytes(token);
    const allowed =
      model.isEogToken(token as LlamaToken) || (bytes.length > 0 && !/[ea]/.test(String(Buffer.from(bytes))));
    if (!allowed) refused.add(token);
    return allowed;
  };
  const options = { sampling, history: () => [], banned: () => false };
  const free = createLogitSampler(options);
  const sampler = createLogitSampler({
    ...options,
    grammar: { allows, candidates: () => ({ tokens: [], areAll: false }) },
  });
  const prompt = model.tokenize(story);
  const last = prompt.pop() as LlamaToken;
  await forget();
  await sequence.evaluateWithoutGeneratingNewTokens(prompt);
  const again = async () =>
    await sequence.eraseContextTokenRanges([{ start: prompt.length, end: sequence.nextTokenIndex }]);
  const [output] = await sequence.controlledEvaluate([[last, { generateNext: { logits: true, options: neutral } }]]);
  const logits = output?.next.logits ?? expect.unreachable();
  const onlyAllowed = new Map([...logits].filter(([token]) => allows(token)));
  refused.clear();
  for (let position = 0; position < 40; position++) {
    const seed = tokenSeed(5, position);
    await again();
    const generation = sequence.evaluate([last], {
      temperature: sampling.temperature,
      topK: sampling.top_k,
      topP: sampling.top_p,
      minP: sampling.min_p,
      xtc: { probability: sampling.xtc_probability, threshold: sampling.xtc_threshold },
      seed,
      yieldEogToken: true,
      grammarEvaluationState: new LlamaGrammarEvaluationState({ model, grammar }),
    });
    const { value } = await generation.next();
    await generation.return();
    expect(sampler.sample({ logits }, seed), `position ${position}`).toBe(value);
    if (allows(free.sample({ logits }, seed) ?? -1)) continue;
    const read = sampling.xtc_probability > 0 ? logits : onlyAllowed;
    expect(sampler.sample({ logits: read }, seed, true), `position ${position}, as rejected`).toBe(value);
  }
  expect(refused.size).toBeGreaterThan(5);
});

describe("with DRY", () => {
  const length = 60;
  const defaults = ["\n", ":", '"', "*"];

  /** Tokens that the library samples. Its DRY counts the tokens that it has sampled, but not the prompt. */
  async function theirs(sampling: SlotSampling, breakers: string[]): Promise<Token[]> {
    await forget();
    const generation = sequence.evaluate(model.tokenize(story), {
      temperature: 0,
      yieldEogToken: true,
      dryRepeatPenalty: {
        strength: sampling.dry_multiplier,
        base: sampling.dry_base,
        allowedLength: sampling.dry_allowed_length,
        lastTokens: sampling.dry_penalty_last_n,
        sequenceBreakers: breakers,
      },
    });
    const sampled: Token[] = [];
    for await (const token of generation) if (sampled.push(token) === length) break;
    return sampled;
  }

  async function ours(sampling: SlotSampling, breakers: string[]): Promise<Token[]> {
    const vocabulary = readVocabulary(model);
    const find = createDryBreakers({
      pieces: vocabulary.pieces,
      tokenBytes: createTokenBytes(vocabulary),
      addsSpace: true,
      tokenize: (breaker) => model.tokenize(breaker),
    });
    const sampled: Token[] = [];
    const sampler = createLogitSampler({
      sampling,
      history: () => sampled,
      banned: () => false,
      dryBreakers: await find(breakers),
    });
    await forget();
    let input = model.tokenize(story);
    while (sampled.length < length) {
      const last = input.pop() as LlamaToken;
      const { tokens, top } = sampler.request();
      if (top === "all") expect.unreachable();
      const filter = { tokens: tokens as LlamaToken[], includeTop: top };
      const asked = { generateNext: { logits: { filter }, options: neutral } };
      const outputs = await sequence.controlledEvaluate([...input, [last, asked]]);
      const logits = outputs.at(-1)?.next.logits ?? expect.unreachable();
      const token = sampler.sample({ logits }, 1) ?? expect.unreachable();
      sampled.push(token);
      input = [token as LlamaToken];
    }
    return sampled;
  }

  test.each<[string, Partial<Sampling>, string[]]>([
    ["the usual breakers", { dry_multiplier: 3 }, defaults],
    ["no breakers", { dry_multiplier: 5 }, []],
    ["a strong penalty", { dry_multiplier: 20, dry_base: 3, dry_allowed_length: 1 }, defaults],
    ["few tokens", { dry_multiplier: 20, dry_allowed_length: 1, dry_penalty_last_n: 12 }, defaults],
    ["breakers in the middle of tokens", { dry_multiplier: 9, dry_allowed_length: 1 }, ["he w", " a"]],
    ["a space, which tokens only begin with", { dry_multiplier: 9, dry_allowed_length: 1 }, [" ", " b"]],
    ["breakers of several tokens", { dry_multiplier: 9, dry_allowed_length: 1 }, ["the red ball", ". Tim"]],
  ])("our sampler generates the library's text: %s", async (_, fields, breakers) => {
    const sampling = samplingOf({ temperature: 0, dry_penalty_last_n: 200, ...fields });
    const sampled = await ours(sampling, breakers);
    expect(sampled).toEqual(await theirs(sampling, breakers));
    expect(sampled).not.toEqual(await ours(samplingOf({ temperature: 0 }), breakers));
  });
});
