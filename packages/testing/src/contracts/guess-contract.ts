// Owns the contract of a Backend that takes guesses, as tests for the fake backend and the real one: guesses never change an answer.
import type {} from "../budgets.ts";
import { entryTokens } from "@waggle/engine";
import type { Backend, EntryResult, SlotSampling, Token, TokenLogprobs } from "@waggle/engine";
import { driveSlots, type DrivenBackend, type DrivenEntry } from "@waggle/engine/testing";
import { SamplingSchema, type Sampling } from "@waggle/protocol";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";

export interface GuessContractOptions {
  /** A prompt whose greedy answer ends within 200 tokens. */
  readonly ending: string;
}

interface Sampled {
  readonly token: Token;
  readonly logprobs?: TokenLogprobs | undefined;
}

/** An answer to compute. `guess` gets the number of known tokens of the answer, and returns guesses at the next ones. */
interface Work {
  readonly slot: number;
  readonly prompt: readonly Token[];
  readonly sampling: SlotSampling;
  readonly count: number;
  readonly keep?: number;
  readonly guess?: (known: number) => readonly Token[];
}

type Fields = Partial<Sampling> & Partial<Pick<SlotSampling, "topLogprobs" | "fillIn">>;

const story = "Once upon a time there was a little bee. One day the bee went to the garden";
const otherStory = "A dog and a cat were friends. They liked to play with a red ball, and";
const count = 24;

/** Seed of the random requests; failed tests show it. */
const seed = inject("seed");
const requests = inject("runs").guessedRequests;
let state = seed >>> 0;
/** A random whole number below this one. */
function random(below: number): number {
  state = (Math.imul(state ^ (state >>> 15), state | 1) + 0x6d2b79f5) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
}
const mostGuesses = 4;

const json = String.raw`root ::= "{" ws "\"name\":" ws "\"" [a-z]+ "\"" ("," ws "\"age\":" ws [0-9]+)? "}"
ws ::= " "?`;
const wild = { temperature: 1.3, top_k: 60, top_p: 0.98, min_p: 0.01, ignore_eos: true } as const;
const penalties = { repeat_penalty: 1.2, presence_penalty: 0.3, frequency_penalty: 0.2, repeat_last_n: 8 } as const;
const dry = { dry_multiplier: 1.5, dry_allowed_length: 1 } as const;
const samplings: Readonly<Record<string, Fields>> = {
  "no settings but greedy": { temperature: 0 },
  "high temperature": wild,
  penalties: { ...wild, ...penalties },
  "greedy penalties": { temperature: 0, ...penalties },
  XTC: { ...wild, xtc_probability: 0.5, xtc_threshold: 0.05 },
  logprobs: { ...wild, topLogprobs: 2 },
  "a grammar": { ...wild, ignore_eos: false, grammar: json },
  "a greedy grammar and logprobs": { temperature: 0, grammar: json, topLogprobs: 1 },
  "a grammar and penalties": { ...wild, ...penalties, ignore_eos: false, grammar: json },
  DRY: { ...wild, ...dry },
  "DRY and a grammar": { ...wild, ...dry, ignore_eos: false, grammar: json },
};

/**
 * Registers a suite for a backend with at least two slots, a context of 256 tokens and a batch of 128, whose tokens do not depend on the shape of a
 * batch. The suite disposes of the backend.
 */
export function guessContract(
  name: string,
  makeBackend: () => Promise<Backend>,
  { ending }: GuessContractOptions,
): void {
  describe(`${name} answers with guesses as without`, () => {
    let backend: DrivenBackend;
    let prompt: readonly Token[];
    beforeAll(async () => {
      backend = driveSlots(await makeBackend());
      expect(backend.takesDrafts).toBe(true);
      prompt = await tokenized(story);
    });
    afterAll(() => backend.dispose());

    const tokenized = async (text: string): Promise<readonly Token[]> =>
      entryTokens((await backend.tokenize({ kind: "text", text })).entries);
    const answer = async (work: Work): Promise<Sampled[]> => (await generate(backend, [work]))[0] ?? [];
    const wrong = (token: Token): Token => (token === 300 ? 301 : 300);

    test.each(Object.keys(samplings))("with %s, where guesses are right, wrong or both", async (setting) => {
      const sampling = slotSampling(samplings[setting] ?? {}, 7);
      const plain = await answer({ slot: 0, prompt, sampling, count });
      const tokens = plain.map(({ token }) => token);
      const next = (known: number): Token[] => tokens.slice(known, known + mostGuesses);
      let steps = 0;
      const counted = (known: number): Token[] => {
        steps += 1;
        return next(known);
      };
      expect(await answer({ slot: 0, prompt, sampling, count, guess: counted }), "right").toEqual(nearly(plain));
      expect(steps, "all but the last step have four right guesses").toBe(
        Math.ceil((plain.length - 1) / (mostGuesses + 1)),
      );
      const strategies: Readonly<Record<string, (known: number) => Token[]>> = {
        wrong: (known) => next(known).map(wrong),
        "wrong from the second on": (known) => next(known).map((token, i) => (i === 0 ? token : wrong(token))),
        "wrong at the second only": (known) => next(known).map((token, i) => (i === 1 ? wrong(token) : token)),
        "right in every other step": (known) => (known % 2 === 0 ? next(known) : []),
      };
      for (const [which, guess] of Object.entries(strategies)) {
        expect(await answer({ slot: 0, prompt, sampling, count, guess }), which).toEqual(nearly(plain));
      }
    });

    test("and saves a step for each right guess", async () => {
      const sampling = slotSampling({ temperature: 0, ignore_eos: true }, 1);
      const tokens = (await answer({ slot: 0, prompt, sampling, count })).map(({ token }) => token);
      await backend.begin(0, 0, sampling);
      await backend.step([{ kind: "prefill", slot: 0, tokens: prompt, sample: true }]);
      const [first = -1, second = -1, third = -1] = tokens.slice(1);
      const step = async (guesses: Token[]): Promise<EntryResult | undefined> =>
        (await backend.step([{ kind: "decode", slot: 0, drafts: guesses }]))[0];
      expect(await step([first, second, wrong(third), 300])).toMatchObject({
        token: first,
        behind: [{ token: second }, { token: third }],
      });
      expect(backend.held(0).entries).toEqual([...prompt, ...tokens.slice(0, 3)]);
      expect(await step([wrong(tokens[4] ?? -1)])).toMatchObject({ token: tokens[4], behind: [] });
      expect(backend.held(0).entries).toEqual([...prompt, ...tokens.slice(0, 4)]);
      await backend.end(0);
    });

    test("in several slots, in any order of the entries, together with a prompt", async () => {
      const otherPrompt = await tokenized(otherStory);
      const works = [prompt, otherPrompt].map((own, i) => ({
        prompt: own,
        sampling: slotSampling(wild, 3 + i),
        count,
      }));
      const plain: Sampled[][] = [];
      for (const work of works) plain.push(await answer({ slot: 0, ...work }));
      const guessed = works.map((work, i): Work => {
        const tokens = plain[i]?.map(({ token }) => token) ?? [];
        return { slot: 1 - i, ...work, guess: (known) => tokens.slice(known, known + 2 + (i === 0 ? known % 2 : 0)) };
      });
      expect(await generate(backend, guessed)).toEqual(nearly(plain));
      expect(await generate(backend, guessed.toReversed())).toEqual(nearly(plain.toReversed()));
    });

    test("and its slot then holds the answer, which another job may keep", async () => {
      const sampling = slotSampling({ temperature: 0, ignore_eos: true }, 1);
      const tokens = (await answer({ slot: 1, prompt, sampling, count })).map(({ token }) => token);
      const guess = (known: number): Token[] => [...tokens.slice(known, known + 2), 300, 301];
      await answer({ slot: 0, prompt, sampling, count, guess });
      const held = [...prompt, ...tokens.slice(0, -1)];
      expect(backend.held(0).entries).toEqual(held);
      const longer = [...held, ...(await tokenized(otherStory)).slice(1)];
      const fresh = await answer({ slot: 1, prompt: longer, sampling, count });
      expect(await answer({ slot: 0, prompt: longer, sampling, count, keep: held.length })).toEqual(nearly(fresh));
    });

    test("and ends at the end of the generation, whatever is guessed after it", async () => {
      const sampling = slotSampling({ temperature: 0 }, 1);
      const work = { slot: 0, prompt: await tokenized(ending), sampling, count: 200 };
      const plain = await answer(work);
      const tokens = plain.map(({ token }) => token);
      expect(backend.isEndOfGeneration(tokens.at(-1) ?? -1)).toBe(true);
      const guess = (known: number): Token[] => [...tokens, 300, 300, 300].slice(known, known + 3);
      expect(await answer({ ...work, guess })).toEqual(nearly(plain));
      expect(backend.held(0).entries).toEqual([...work.prompt, ...tokens.slice(0, -1)]);
    });

    test(`for ${requests} random requests with random guesses`, async () => {
      const works: Omit<Work, "slot">[] = [];
      while (works.length < requests) {
        const fields = Object.values(samplings)[random(Object.keys(samplings).length)] ?? {};
        const varied = fields.temperature === 0 ? fields : { ...fields, temperature: 0.5 + random(10) / 10 };
        const text = (random(2) === 0 ? story : otherStory).slice(0, 20 + random(40));
        works.push({ prompt: await tokenized(text), sampling: slotSampling(varied, random(2 ** 32)), count });
      }
      for (let i = 0; i < works.length; i += 2) {
        const pair = works.slice(i, i + 2).map((work, slot) => ({ ...work, slot }));
        const plain = await generate(backend, pair);
        const guessed = pair.map((work, slot) => ({ ...work, guess: randomGuess(plain[slot] ?? []) }));
        const which = JSON.stringify({ seed, requests: pair.map(({ sampling }) => sampling) });
        expect(await generate(backend, guessed), which).toEqual(nearly(plain));
      }
    });
  });
}

/** Guesses some of the next tokens, each wrong with a probability of one in four. */
function randomGuess(answer: readonly Sampled[]): (known: number) => Token[] {
  return (known) => {
    const tokens = answer.slice(known, known + random(mostGuesses + 1));
    return tokens.map(({ token }) => (random(4) === 0 ? 300 + random(20) : token));
  };
}

function slotSampling({ topLogprobs, fillIn, ...fields }: Fields, seed: number): SlotSampling {
  return {
    ...SamplingSchema.parse(fields),
    seed,
    ...(topLogprobs === undefined ? {} : { topLogprobs }),
    ...(fillIn === undefined ? {} : { fillIn }),
  };
}

/** Computes the works in the same steps. @returns the sampled tokens of each */
async function generate(backend: DrivenBackend, works: readonly Work[]): Promise<Sampled[][]> {
  const running = works.map((work) => ({ work, sampled: [] as Sampled[] }));
  for (const { slot, sampling, keep = 0 } of works) await backend.begin(slot, keep, sampling);
  for (;;) {
    const taking = running.filter(({ work, sampled }) => {
      const last = sampled.at(-1);
      return sampled.length < work.count && (last === undefined || !backend.isEndOfGeneration(last.token));
    });
    if (taking.length === 0) break;
    const results = await backend.step(taking.map(({ work, sampled }) => workEntry(work, sampled.length)));
    taking.forEach(({ sampled }, i) => {
      const result = results[i];
      if (result?.kind !== "token") throw new Error(`Expected a token and got ${JSON.stringify(result)}`);
      for (const { token, logprobs } of [result, ...(result.behind ?? [])]) sampled.push({ token, logprobs });
    });
  }
  for (const { slot } of works) await backend.end(slot);
  return running.map(({ sampled }) => sampled);
}

function workEntry({ slot, prompt, keep = 0, count: most, guess }: Work, known: number): DrivenEntry {
  if (known === 0) return { kind: "prefill", slot, tokens: prompt.slice(keep), sample: true };
  // No token is sampled after the last one that is wanted.
  const guesses = guess?.(known).slice(0, most - known - 1) ?? [];
  return guesses.length === 0 ? { kind: "decode", slot } : { kind: "decode", slot, drafts: guesses };
}

/** Compares logprobs without their last digits, because the shape of a batch changes rounding even in single precision. */
function nearly(value: unknown): unknown {
  if (typeof value === "number" && !Number.isInteger(value)) return expect.closeTo(value, 3);
  if (Array.isArray(value)) return value.map(nearly);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inside]) => [key, nearly(inside)]));
}
