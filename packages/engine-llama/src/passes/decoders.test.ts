// Tests that both bindings, the library's own and the addon if it is there, have the same results, and those of the library's public interface.
import { execFile } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { promisify } from "node:util";
import { runInNewContext } from "node:vm";
import { entryTokens } from "@waggle/engine";
import type { EntryResult, SlotSampling, Token } from "@waggle/engine";
import { driveSlots, type DrivenBackend, type DrivenEntry } from "@waggle/engine/testing";
import { SamplingSchema, type Sampling } from "@waggle/protocol";
import type { LlamaContext, LlamaContextSequence, LlamaModel, Token as LlamaToken } from "node-llama-cpp";
import { needs } from "@waggle/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bindings, describeBindings, hasAddon, loadOn } from "../testing/bindings.ts";
import { publicOptions } from "../testing/public-options.ts";
import { storyModel } from "../testing/story-model.ts";
import { openLlama } from "../load/llama.ts";
import { logprobsOf } from "../sampling/logit-sampler.ts";
import { tokenSeed } from "../sampling/random.ts";
import { loadAddon } from "./addon.ts";
import { createAddonDecoder } from "./addon-decoder.ts";
import { greedy, logprobNumbers } from "./batch-decoder.ts";
import { libraryOf } from "./library-context.ts";
import type { Binding } from "./open-decoder.ts";
import { askPublicly } from "./oracle.ts";

const run = promisify(execFile);
const story = "Once upon a time there was a little bee. One day the bee went to the garden";
const otherStory = "A dog and a cat were friends. They liked to play with a red ball, and";
const json = String.raw`root ::= "{" ws "\"name\":" ws "\"" [a-z]+ "\"" ("," ws "\"age\":" ws [0-9]+)? "}"
ws ::= " "?`;
const count = 40;
const size = { slots: 4, contextSize: 256, batchSize: 128, threads: 1 };

type Fields = Partial<Sampling> & Partial<Pick<SlotSampling, "topLogprobs" | "fillIn">>;

const wild = { temperature: 1.3, top_k: 60, top_p: 0.98, min_p: 0.01 } as const;
const penalties = { repeat_penalty: 1.2, presence_penalty: 0.3, frequency_penalty: 0.2, repeat_last_n: 32 } as const;
const dry = { dry_multiplier: 1.5, dry_allowed_length: 1 } as const;

const samplings: Readonly<Record<string, Fields>> = {
  greedy: { temperature: 0 },
  "the defaults": {},
  "high temperature": wild,
  "the whole vocabulary": { temperature: 1, top_k: 0, top_p: 1, min_p: 0 },
  penalties: { ...wild, ...penalties },
  "greedy penalties": { temperature: 0, ...penalties },
  "a bias": { ...wild, logit_bias: { "528": 3, "300": -100 } },
  XTC: { ...wild, xtc_probability: 0.5, xtc_threshold: 0.05 },
  "greedy XTC": { temperature: 0, xtc_probability: 0.7, xtc_threshold: 0.05 },
  DRY: { ...wild, ...dry },
  "greedy DRY without breakers": { temperature: 0, ...dry, dry_sequence_breakers: [] },
  "no end": { ...wild, ignore_eos: true },
  "a grammar": { ...wild, grammar: json },
  "a greedy grammar": { temperature: 0, grammar: json },
  logprobs: { ...wild, topLogprobs: 3 },
  "greedy logprobs": { temperature: 0, topLogprobs: 4 },
  "greedy logprobs without alternatives": { temperature: 0, topLogprobs: 0 },
  "logprobs and a grammar": { ...wild, topLogprobs: 2, grammar: json },
  "logprobs, DRY, XTC and penalties": {
    ...wild,
    ...dry,
    ...penalties,
    xtc_probability: 0.5,
    xtc_threshold: 0.05,
    topLogprobs: 2,
  },
  "a grammar, DRY and a bias": { ...wild, ...dry, grammar: json, logit_bias: { "300": 5 } },
  "a hole to fill": { ...wild, fillIn: true },
};

const samplingOf = ({ topLogprobs, fillIn, ...fields }: Fields, seed: number): SlotSampling => ({
  ...SamplingSchema.parse(fields),
  seed,
  ...(topLogprobs === undefined ? {} : { topLogprobs }),
  ...(fillIn === undefined ? {} : { fillIn }),
});

async function open(binding: Binding, statesFolder?: string): Promise<DrivenBackend> {
  const states = statesFolder === undefined ? {} : { statesFolder };
  return driveSlots(await loadOn(binding, { modelPath: storyModel, ...size, device: "cpu", ...states }));
}

const folder = mkdtempSync(join(tmpdir(), "waggle-decoders-"));
const backends = new Map<Binding, DrivenBackend>();
beforeAll(async () => {
  for (const binding of bindings) backends.set(binding, await open(binding, join(folder, binding)));
});
afterAll(async () => {
  for (const backend of backends.values()) await backend.dispose();
});

describe("each binding has the results of the library's public interface", () => {
  let model: LlamaModel;
  let context: LlamaContext;
  let sequence: LlamaContextSequence;
  beforeAll(async () => {
    const { llama } = await openLlama({ device: "cpu", maxThreads: 1 }, () => {});
    model = await llama.loadModel({ modelPath: storyModel });
    const { contextSize, slots: sequences, ...rest } = size;
    context = await model.createContext({ contextSize, sequences, ...rest, flashAttention: true });
    sequence = context.getSequence();
  });
  afterAll(async () => {
    await context.dispose();
    await model.dispose();
  });

  /** Results for a prompt, with the random numbers of each position. */
  async function publicResults(prompt: readonly Token[], sampling: SlotSampling): Promise<EntryResult[]> {
    await sequence.clearHistory();
    const history = [...prompt];
    const results: EntryResult[] = [];
    let fed = prompt;
    while (results.length < count) {
      const options = { ...publicOptions(sampling, model, history), seed: tokenSeed(sampling.seed, history.length) };
      const { token = -1, logits } = await askPublicly(sequence, fed, options);
      const [greatest = NaN] = logits.values();
      const totalWeight = [...logits.values()].reduce((sum, logit) => sum + Math.exp(logit - greatest), 0);
      const logprobs = logprobsOf({ logits, totalWeight }, token, sampling.topLogprobs ?? 0);
      results.push({ kind: "token", token, ...(sampling.topLogprobs === undefined ? {} : { logprobs }) });
      if (model.isEogToken(token as LlamaToken)) break;
      history.push(token);
      fed = [token];
    }
    return results;
  }

  /** Whether the interface has these settings. It has raw logits only for greedy jobs, and ours bans the end in another way. */
  const isPlain = ({ grammar, fillIn, ignore_eos, dry_multiplier = 0, topLogprobs, temperature }: Fields): boolean =>
    grammar === undefined &&
    fillIn === undefined &&
    ignore_eos === undefined &&
    dry_multiplier === 0 &&
    (topLogprobs === undefined || temperature === 0);
  const plain = Object.entries(samplings).filter(([, fields]) => isPlain(fields));

  test.each(plain)("with %s", async (_, fields) => {
    for (const [binding, backend] of backends) {
      const tokens = entryTokens((await backend.tokenize({ kind: "text", text: story })).entries);
      for (const seed of [7, 0xffff_ffff]) {
        const sampling = samplingOf(fields, seed);
        const [given] = await generate(backend, [{ slot: 0, text: story, sampling }]);
        expect(given, binding).toEqual(nearly(await publicResults(tokens, sampling)));
      }
    }
  });
});

describeBindings((binding) => {
  test("results are the same while the garbage collector runs", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    /** Collects all garbage, and waits until finalizers have run. */
    async function collected(): Promise<void> {
      let isFinalized = false;
      const registry = new FinalizationRegistry<void>(() => (isFinalized = true));
      (() => registry.register({}, undefined))();
      while (!isFinalized) {
        await new Promise((resolve) => setImmediate(resolve));
        collect();
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    const work = [{ slot: 0, text: story, sampling: samplingOf(wild, 7) }];
    const backend = await open(binding);
    try {
      expect(await generate(backend, work, (step) => (step === 3 ? collected() : undefined))).toEqual(
        await generate(backend, work),
      );
    } finally {
      await backend.dispose();
    }
  });
});

describe("both bindings have the same results", needs("Waggle's addon"), () => {
  async function expectSame(play: (backend: DrivenBackend) => Promise<unknown>): Promise<void> {
    const [library, addon] = await Promise.all([...backends.values()].map(play));
    expect(addon).toEqual(nearly(library));
  }

  test.each(Object.keys(samplings))("with %s, for two seeds in one batch", async (name) => {
    await expectSame(async (backend) => {
      const fields = samplings[name] ?? {};
      return await generate(backend, [
        { slot: 0, text: story, sampling: samplingOf(fields, 7) },
        { slot: 1, text: otherStory, sampling: samplingOf(fields, 0xffff_ffff) },
      ]);
    });
  });

  test("with different sampling settings in one batch", async () => {
    const names = ["the defaults", "a grammar", "logprobs", "DRY"];
    await expectSame((backend) =>
      generate(
        backend,
        names.map((name, slot) => ({ slot, text: story, sampling: samplingOf(samplings[name] ?? {}, 3) })),
      ),
    );
  });

  test("with a forced token", async () => {
    const sampling = samplingOf({ ...wild, ...penalties, topLogprobs: 1 }, 5);
    await expectSame((backend) => generate(backend, [{ slot: 0, text: story, sampling, forcedAt: 3 }]));
  });

  test("for the logprobs of a prompt", async () => {
    await expectSame(async (backend) => {
      const tokens = entryTokens((await backend.tokenize({ kind: "text", text: story })).entries);
      await backend.begin(2, 0, samplingOf({ topLogprobs: 3 }, 1));
      const reads = tokens.slice(1).map((token, at) => ({ at, tokens: [token], top: 3 }));
      const results = await backend.step([{ kind: "prefill", slot: 2, tokens, reads, sample: true }]);
      await backend.end(2);
      return results;
    });
  });

  test("from a snapshot, and from the kept tokens of a slot", async () => {
    await expectSame(async (backend) => {
      const { states } = backend;
      if (states === undefined) throw new Error("Nothing is saved");
      const tokens = entryTokens((await backend.tokenize({ kind: "text", text: story })).entries);
      const sampling = samplingOf(wild, 11);
      const first = await generate(backend, [{ slot: 0, text: story, sampling }]);
      const state = await states.save(0, tokens, "scope");
      const loaded = await states.load(3, state);
      states.remove(state);
      const keep = tokens.length - 1;
      const again = await generate(backend, [{ slot: 3, text: story, sampling, keep }]);
      const rest = await generate(backend, [{ slot: 0, text: story, sampling, keep: 5 }]);
      return { first, loaded, again, rest };
    });
  });
});

describe("the addon's decoder", needs("Waggle's addon"), () => {
  test("samples after a draft only if it sampled the draft, and refuses draws of a sampler at other places", async () => {
    const { llama } = await openLlama({ device: "cpu", maxThreads: 1 }, () => {});
    const model = await llama.loadModel({ modelPath: storyModel });
    const context = await model.createContext({ contextSize: 64, sequences: 1 });
    const { addon } = await loadAddon("waggle-llama");
    if (addon === undefined) throw new Error("There is no addon");
    const library = libraryOf(llama, model, context);
    const decoder = createAddonDecoder({ addon, library, vocabularySize: 2_048 });
    const sampler = decoder.createSampler();
    sampler.configure(greedy);
    async function sampled(tokens: readonly Token[], places = [...tokens.keys()], topCount = 0): Promise<number[]> {
      library.context.disposeSequence(0);
      const batch = {
        tokens: Int32Array.from(tokens),
        sequences: new Int32Array(tokens.length),
        positions: Int32Array.from(tokens.keys()),
        outputs: Int32Array.from(tokens.keys()),
      };
      const numbers = await decoder.decode(batch, {
        at: Int32Array.from(places),
        samplers: places.map(() => sampler),
        seeds: new Uint32Array(places.length),
        topCounts: Uint32Array.from(places, () => topCount),
      });
      return [...numbers].filter((_, i) => i % (topCount === 0 ? 1 : logprobNumbers) === 0);
    }
    const [first = -1] = await sampled([1]);
    const [, second = -1] = await sampled([1, first]);
    const wrong = 300;
    expect([first, second]).not.toContain(wrong);
    expect(await sampled([1, first, wrong, 301])).toEqual([first, second, -1, -1]);
    expect(await sampled([1, wrong, first, second])).toEqual([first, -1, -1, -1]);
    expect(await sampled([1, first, second, 301], [0, 1, 2], 1)).toEqual([
      first,
      second,
      (await sampled([1, first, second]))[2],
    ]);
    await expect(sampled([1, first, second], [0, 2])).rejects.toThrow("at consecutive tokens only");
    await context.dispose();
    await model.dispose();
  });
});

test("all bindings have the same results if sampling is requested together with the pass", async () => {
  const script = join(import.meta.dirname, "../testing/one-pool-thread.ts");
  const { stdout } = await run(process.execPath, ["--import", "tsx", script, ...bindings], {
    env: { ...process.env, UV_THREADPOOL_SIZE: "1" },
  });
  const { library, ...others } = JSON.parse(stdout) as Record<string, unknown>;
  expect(Object.keys(others)).toEqual(["library,in order", ...(hasAddon ? ["addon", "addon,in order"] : [])]);
  for (const [way, given] of Object.entries(others)) expect(given, way).toEqual(library);
});

interface Work {
  readonly slot: number;
  readonly text: string;
  readonly sampling: SlotSampling;
  readonly keep?: number;
  /** Index of the step that gets a forced token. */
  readonly forcedAt?: number;
}

/** Generates in several slots at once. @returns the results of each slot */
async function generate(
  backend: DrivenBackend,
  works: readonly Work[],
  between: (step: number) => Promise<void> | undefined = () => undefined,
): Promise<EntryResult[][]> {
  const running = works.map((work) => ({ work, given: [] as EntryResult[], over: false }));
  const firsts: DrivenEntry[] = [];
  for (const { slot, text, sampling, keep = 0 } of works) {
    const tokens = entryTokens((await backend.tokenize({ kind: "text", text })).entries);
    await backend.begin(slot, keep, sampling);
    firsts.push({ kind: "prefill", slot, tokens: tokens.slice(keep), sample: true });
  }
  for (let step = 0; step < count; step++) {
    const taking = running.filter(({ over }) => !over);
    if (taking.length === 0) break;
    const entries = taking.map(({ work }): DrivenEntry => {
      const first = firsts.find(({ slot }) => slot === work.slot);
      if (step === 0 && first !== undefined) return first;
      return { kind: "decode", slot: work.slot, ...(work.forcedAt === step ? { forced: 528 } : {}) };
    });
    await between(step);
    const results = await backend.step(entries);
    taking.forEach((each, i) => {
      const result = results[i];
      if (result === undefined) throw new Error("A result is missing");
      each.given.push(result);
      each.over = result.kind !== "token" || backend.isEndOfGeneration(result.token);
    });
  }
  for (const { slot } of works) await backend.end(slot);
  return running.map(({ given }) => given);
}

/** Compares logprobs without their last digits, because the library sums over the vocabulary in another order after it has sorted it. */
function nearly(value: unknown): unknown {
  if (typeof value === "number" && !Number.isInteger(value)) return expect.closeTo(value, 4);
  if (Array.isArray(value)) return value.map(nearly);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inside]) => [key, nearly(inside)]));
}
