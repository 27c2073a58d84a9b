// Owns the contract of every Backend, as tests for the fake backend and the real one. They call the port directly, without the engine.
import { entryTokens } from "@waggle/engine";
import type { Backend, EntryResult, SlotSampling, Token, TokenLogprobs } from "@waggle/engine";
import { driveSlots, type DrivenBackend, type DrivenEntry } from "@waggle/engine/testing";
import { SamplingSchema, WaggleError } from "@waggle/protocol";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

export interface BackendContractOptions {
  /**
   * Number of sampled tokens in which two computations of the same answer must agree; 16 by default. A real model may need a lower number: a batch
   * of another shape rounds differently, and this may decide between two tokens of nearly the same probability.
   */
  readonly comparedTokens?: number;
}

/** One slot's work: a prompt, fed in chunks, and the number of tokens to sample. The generation may end earlier. */
interface Work {
  readonly slot: number;
  readonly prompt: readonly Token[];
  readonly count: number;
  readonly chunk?: number;
  readonly keepTokens?: number;
  readonly sampling?: SlotSampling;
}

type Sampled = EntryResult & { readonly kind: "token" };

const greedy: SlotSampling = { ...SamplingSchema.parse({ temperature: 0 }), seed: 1 };
const story = "Once upon a time there was a little bee. One day the bee went to the garden";
const otherStory = "A dog and a cat were friends. They liked to play with a red ball, and";

/** Registers a suite for a backend with at least two slots, a context of 256 tokens and a batch of 128. The suite disposes of the backend. */
export function backendContract(
  name: string,
  makeBackend: () => Promise<Backend>,
  { comparedTokens = 16 }: BackendContractOptions = {},
): void {
  describe(`${name} keeps the Backend port's contract`, () => {
    let backend: DrivenBackend;
    beforeAll(async () => {
      backend = driveSlots(await makeBackend());
    });
    afterAll(() => backend.dispose());

    const tokenized = async (text: string): Promise<readonly Token[]> =>
      entryTokens((await backend.tokenize({ kind: "text", text })).entries);
    const count = comparedTokens;
    /** The answer of slot 0 to the story, with an empty cache and the prompt in one chunk. */
    const coldAnswer = async (): Promise<Token[]> => {
      const [answer = []] = await generate(backend, [{ slot: 0, prompt: await tokenized(story), count }]);
      return answer;
    };

    test("info is coherent", () => {
      const { info } = backend;
      expect(info.slots).toBeGreaterThanOrEqual(2);
      expect(info.batchSize).toBeGreaterThanOrEqual(Math.max(128, info.slots));
      expect(info.contextSize).toBeGreaterThanOrEqual(256);
      expect(info.contextPool).toBeGreaterThanOrEqual(info.contextSize);
      expect(info.contextPool).toBeLessThanOrEqual(info.slots * info.contextSize);
      expect(info.threads).toBeLessThanOrEqual(info.maxThreads);
    });

    test.each([
      "Once upon a time",
      " leading and  double spaces",
      "two\nlines\ttabbed",
      "Grüße, 蜂 🐝 — naïve",
      "1 < 2 &amp; [x] > 0",
    ])("the bytes of its tokens make up %j", async (text) => {
      const bytes = (await tokenized(text)).flatMap((token) => [...backend.tokenBytes(token)]);
      const rendered = new TextDecoder().decode(Uint8Array.from(bytes));
      // SentencePiece models put a space before the first word.
      expect([text, ` ${text}`]).toContain(rendered);
    });

    test("a conversation becomes tokens that hold its messages as plain text", async () => {
      const content = "What does <|user|> or </s> mean?";
      const tokens = entryTokens(
        (await backend.tokenize({ kind: "messages", messages: [{ role: "user", content }] })).entries,
      );
      const bytes = tokens.flatMap((token) => [...backend.tokenBytes(token)]);
      expect(new TextDecoder().decode(Uint8Array.from(bytes))).toContain(content);
      expect(tokens.some((token) => backend.isEndOfGeneration(token) && backend.tokenBytes(token).length > 0)).toBe(
        false,
      );
    });

    test("tokens are accepted as a prompt, and unknown tokens are refused", async () => {
      const tokens = await tokenized(story);
      const pieces = [tokens.slice(1), tokens.slice(0, 2)];
      expect(entryTokens((await backend.tokenize({ kind: "pieces", pieces })).entries)).toEqual(pieces.flat());
      const refused = backend.tokenize({ kind: "pieces", pieces: [[...tokens, 999_999_999]] });
      await expect(refused).rejects.toMatchObject({ code: "invalid_argument" });
    });

    test("plain sampling passes the check, and invalid settings are refused with the name of the field", async () => {
      await expect(backend.checkSampling(greedy)).resolves.toBeUndefined();
      const refused = async (sampling: SlotSampling, field: string): Promise<void> => {
        const error: unknown = await backend.checkSampling(sampling).catch((thrown: unknown) => thrown);
        expect(error).toBeInstanceOf(WaggleError);
        expect(error).toMatchObject({ code: "invalid_argument", message: expect.stringContaining(field) });
      };
      await refused({ ...greedy, grammar: "this is no grammar" }, "grammar");
      await refused({ ...greedy, logit_bias: { "999999999": 1 } }, "logit_bias");
    });

    test("a step yields the results of its entries, in their order", async () => {
      const prompt = await tokenized(story);
      await backend.begin(0, 0, greedy);
      await backend.begin(1, 0, greedy);
      const first = await backend.step([
        { kind: "prefill", slot: 0, tokens: prompt.slice(0, 3), sample: false },
        { kind: "prefill", slot: 1, tokens: prompt, sample: true },
      ]);
      expect(first.map(({ kind }) => kind)).toEqual(["none", "token"]);
      const second = await backend.step([
        { kind: "prefill", slot: 0, tokens: prompt.slice(3), sample: true },
        { kind: "decode", slot: 1 },
      ]);
      expect(second.map(({ kind }) => kind)).toEqual(["token", "token"]);
      expect(tokenOf(second[0]), "both slots had the same prompt").toBe(tokenOf(first[1]));
      await backend.end(0);
      await backend.end(1);
    });

    test("a step calls `underway` once, before it has ended", async () => {
      await backend.begin(0, 0, greedy);
      const order: string[] = [];
      const entries: DrivenEntry[] = [{ kind: "prefill", slot: 0, tokens: await tokenized(story), sample: true }];
      await backend.step(entries, () => order.push("underway"));
      order.push("ended");
      await backend.step([{ kind: "decode", slot: 0 }]);
      await backend.end(0);
      expect(order).toEqual(["underway", "ended"]);
    });

    test("a greedy answer is the same each time, in any slot", async () => {
      const answer = await coldAnswer();
      expect(answer).toHaveLength(count);
      expect(await coldAnswer()).toEqual(answer);
      const slot = backend.info.slots - 1;
      expect(await generate(backend, [{ slot, prompt: await tokenized(story), count }])).toEqual([answer]);
    });

    test("a prompt in chunks gives the same greedy answer", async () => {
      const answer = await coldAnswer();
      expect(await generate(backend, [{ slot: 0, prompt: await tokenized(story), count, chunk: 7 }])).toEqual([answer]);
    });

    test("a kept prefix gives the same greedy answer", async () => {
      const answer = await coldAnswer();
      const prompt = await tokenized(story);
      for (const keepTokens of [prompt.length - 1, 5]) {
        expect(await generate(backend, [{ slot: 0, prompt, count, keepTokens }])).toEqual([answer]);
      }
    });

    test("after the end, a slot holds the prompt and all sampled tokens except the last", async () => {
      const answer = await coldAnswer();
      const longer = [...(await tokenized(story)), ...answer, ...answer.slice(0, 2)];
      const fresh = await generate(backend, [{ slot: 1, prompt: longer, count }]);
      const keepTokens = (await tokenized(story)).length + answer.length - 1;
      expect(await generate(backend, [{ slot: 0, prompt: longer, count, keepTokens }])).toEqual(fresh);
    });

    test("a job that ends during prefill leaves its fed tokens to the next job", async () => {
      const answer = await coldAnswer();
      const prompt = await tokenized(story);
      await backend.begin(0, 0, greedy);
      await backend.step([{ kind: "prefill", slot: 0, tokens: prompt.slice(0, 6), sample: false }]);
      await backend.end(0);
      expect(await generate(backend, [{ slot: 0, prompt, count, keepTokens: 6 }])).toEqual([answer]);
    });

    test("neighbours in a batch do not change an answer", async () => {
      const answer = await coldAnswer();
      const [alone] = await generate(backend, [{ slot: 1, prompt: await tokenized(otherStory), count }]);
      const together = await generate(backend, [
        { slot: 0, prompt: await tokenized(story), count, chunk: 9 },
        { slot: 1, prompt: await tokenized(otherStory), count, chunk: 4 },
      ]);
      expect(together).toEqual([answer, alone]);
    });

    test("the order of the entries does not change an answer", async () => {
      const answer = await coldAnswer();
      const prompts = [await tokenized(otherStory), await tokenized(story)];
      const works = prompts.map((prompt, i) => ({ slot: 1 - i, prompt, count }));
      expect((await generate(backend, works))[1]).toEqual(answer);
      expect((await generate(backend, works.toReversed()))[0]).toEqual(answer);
    });

    test("guesses do not change a greedy answer, and the slot then holds the answer", async () => {
      if (!backend.takesDrafts) return;
      const answer = await coldAnswer();
      const prompt = await tokenized(story);
      for (const guessAt of [
        (at: number) => answer.slice(at, at + 3),
        (at: number) => [...answer.slice(at, at + 1), 300, 301],
        () => [300, 301],
      ]) {
        await backend.begin(0, 0, greedy);
        let [result] = await backend.step([{ kind: "prefill", slot: 0, tokens: prompt, sample: true }]);
        const sampled = [tokenOf(result)];
        while (sampled.length < answer.length) {
          const guesses = guessAt(sampled.length).slice(0, answer.length - sampled.length - 1);
          [result] = await backend.step([{ kind: "decode", slot: 0, drafts: guesses }]);
          sampled.push(tokenOf(result));
          if (result?.kind === "token") sampled.push(...(result.behind ?? []).map(({ token }) => token));
        }
        await backend.end(0);
        expect(sampled).toEqual(answer);
        expect(backend.held(0).entries).toEqual([...prompt, ...answer.slice(0, -1)]);
      }
      expect(await generate(backend, [{ slot: 0, prompt, count, keepTokens: prompt.length - 1 }])).toEqual([answer]);
    });

    test("the same seed repeats an answer, and another seed gives another answer", async () => {
      const answers: Token[][] = [];
      for (const seed of [7, 7, 8]) {
        const sampling: SlotSampling = {
          ...SamplingSchema.parse({ temperature: 1.5, min_p: 0, ignore_eos: true }),
          seed,
        };
        answers.push(...(await generate(backend, [{ slot: 0, prompt: await tokenized(story), count: 24, sampling }])));
      }
      expect(answers[1]).toEqual(answers[0]);
      expect(answers[2]).not.toEqual(answers[0]);
    });

    test("ignore_eos keeps the generation going", async () => {
      const sampling = { ...greedy, ignore_eos: true };
      const [answer = []] = await generate(backend, [
        { slot: 0, prompt: await tokenized(story), count: 120, sampling },
      ]);
      expect(answer).toHaveLength(120);
    });

    test("tokens in a prompt have the same logprobs as when they were sampled", async () => {
      const prompt = await tokenized(story);
      await backend.begin(0, 0, { ...greedy, topLogprobs: 1 });
      let [result] = await backend.step([{ kind: "prefill", slot: 0, tokens: prompt, sample: true }]);
      const sampled: Sampled[] = [];
      while (result?.kind === "token" && sampled.length < 8) {
        sampled.push(result);
        [result] = await backend.step([{ kind: "decode", slot: 0 }]);
      }
      await backend.end(0);
      const scores = await scoresOf(backend, [...prompt, ...sampled.map(({ token }) => token)], 1, 5);
      scores.slice(1 - sampled.length).forEach(({ logprob, top }, i) => {
        const alone = sampled[i + 1]?.logprobs;
        expect(logprob).toBeCloseTo(alone?.logprob ?? NaN, 1);
        expect(top[0]?.token).toBe(alone?.top[0]?.token);
      });
    });

    test("a prompt's logprobs depend neither on the number of alternatives nor on the chunks", async () => {
      const prompt = await tokenized(otherStory);
      const most = await scoresOf(backend, prompt, 4, prompt.length);
      for (const { logprob, top } of most) {
        expect(top.map((other) => other.logprob)).toEqual(top.map((other) => other.logprob).toSorted((a, b) => b - a));
        expect(logprob).toBeLessThanOrEqual((top[0]?.logprob ?? NaN) + 1e-6);
      }
      for (const others of [0, 1]) {
        const scores = await scoresOf(backend, prompt, others, 4);
        scores.forEach(({ logprob, top }, i) => {
          expect(logprob).toBeCloseTo(most[i]?.logprob ?? NaN, 1);
          expect(top).toHaveLength(others);
          expect(top[0]?.token ?? most[i]?.top[0]?.token).toBe(most[i]?.top[0]?.token);
        });
      }
    });

    test("a slot that was cut keeps its first tokens, and its neighbour keeps all", async () => {
      const answer = await coldAnswer();
      const prompt = await tokenized(story);
      await generate(backend, [{ slot: 1, prompt, count }]);
      const kept = await backend.cut(0, 5);
      expect(kept).toBeLessThanOrEqual(5);
      expect(backend.held(0).entries).toEqual(prompt.slice(0, kept));
      expect(await generate(backend, [{ slot: 0, prompt, count, keepTokens: kept }])).toEqual([answer]);
      expect(await backend.cut(0, 0)).toBe(0);
      expect(await generate(backend, [{ slot: 1, prompt, count, keepTokens: prompt.length - 1 }])).toEqual([answer]);
      expect(await coldAnswer()).toEqual(answer);
    });

    test("a copy of a slot that computes gives the same answer, and replaces what the other slot held", async () => {
      if (backend.copy === undefined) return;
      const answer = await coldAnswer();
      const prompt = await tokenized(story);
      await generate(backend, [{ slot: 1, prompt: await tokenized(otherStory), count }]);
      await backend.begin(0, 0, greedy);
      const sampled = [tokenOf((await backend.step([{ kind: "prefill", slot: 0, tokens: prompt, sample: true }]))[0])];
      await backend.copy(0, 1, prompt.length - 2);
      while (sampled.length < count) sampled.push(tokenOf((await backend.step([{ kind: "decode", slot: 0 }]))[0]));
      await backend.end(0);
      expect(sampled).toEqual(answer);
      expect(await generate(backend, [{ slot: 1, prompt, count, keepTokens: prompt.length - 2 }])).toEqual([answer]);
    });

    test("copied slots are independent: neither another answer nor a cut of one changes the other, in random orders", async () => {
      if (backend.copy === undefined) return;
      const answer = await coldAnswer();
      const prompt = await tokenized(story);
      const common = prompt.length - 3;
      const otherPrompt = [...prompt.slice(0, common), ...(await tokenized(otherStory)).slice(1)];
      const otherAnswer = await clearAnswer(backend, { slot: 0, prompt: otherPrompt, count });
      expect(otherAnswer.length).toBeGreaterThan(count / 2);
      const other = { prompt: otherPrompt, count: otherAnswer.length, keepTokens: common };
      for (let round = 0; round < 8; round += 1) {
        const [from, to] = Math.random() < 0.5 ? [0, 1] : [1, 0];
        await generate(backend, [{ slot: from, prompt, count }]);
        const keepTokens = prompt.length - 1 - Math.floor(Math.random() * 3);
        await backend.copy(from, to, keepTokens);
        const changed = Math.random() < 0.5 ? from : to;
        const works = [from, to].map((slot) => {
          return slot === changed ? { slot, ...other } : { slot, keepTokens, prompt, count };
        });
        const expected = works.map(({ slot }) => (slot === changed ? otherAnswer : answer));
        const inOrder = works.toSorted((a, b) => a.slot - b.slot);
        const both = Math.random() < 0.5;
        const answers = both
          ? await generate(backend, inOrder)
          : [...(await generate(backend, works.slice(0, 1))), ...(await generate(backend, works.slice(1)))];
        expect(answers).toEqual(both ? inOrder.map((work) => expected[works.indexOf(work)]) : expected);
        await backend.cut(from, 3);
        if (changed === from) {
          expect(await generate(backend, [{ slot: to, prompt, count, keepTokens }])).toEqual([answer]);
        }
      }
    });

    test("a call of `begin` that fails affects only its slot", async () => {
      const answer = await coldAnswer();
      await backend.begin(1, 0, greedy);
      await expect(backend.begin(0, 0, { ...greedy, grammar: "this is no grammar" })).rejects.toThrow("grammar");
      const entries: DrivenEntry[] = [{ kind: "prefill", slot: 1, tokens: await tokenized(story), sample: true }];
      expect(tokenOf((await backend.step(entries))[0])).toBe(answer[0]);
      await backend.end(1);
      expect(await coldAnswer()).toEqual(answer);
    });

    test("a text's vector has length 1 and does not depend on the chunks, also after an unfinished text", async () => {
      const { embedder } = backend;
      if (embedder === undefined) throw new Error("The backend has no embedder");
      const tokens = await embedder.tokenize(story);
      expect(embedder.maxTokens).toBeLessThan(backend.info.contextSize);
      const whole = await embedder.feed({ tokens, first: true, last: true });
      expect(Math.hypot(...(whole ?? []))).toBeCloseTo(1);
      expect(await embedder.feed({ tokens: tokens.slice(0, 5), first: true, last: false })).toBeUndefined();
      expect(await embedder.feed({ tokens: tokens.slice(0, 3), first: true, last: false })).toBeUndefined();
      const cut = await embedder.feed({ tokens: tokens.slice(3), first: false, last: true });
      const other = await embedder.feed({ tokens: await embedder.tokenize(otherStory), first: true, last: true });
      const cosine = (vector: readonly number[] | undefined): number =>
        (whole ?? []).reduce((sum, value, i) => sum + value * (vector?.[i] ?? 0), 0);
      expect(cosine(cut)).toBeGreaterThan(0.9999);
      expect(cosine(other)).toBeLessThan(0.99);
    });

    test("vectors and steps do not change each other", async () => {
      const answer = await coldAnswer();
      const { embedder } = backend;
      await backend.begin(0, 0, greedy);
      const entries: DrivenEntry[] = [{ kind: "prefill", slot: 0, tokens: await tokenized(story), sample: true }];
      const sampled = [tokenOf((await backend.step(entries))[0])];
      while (sampled.length < count) {
        await embedder?.feed({ tokens: await tokenized(otherStory), first: true, last: true });
        sampled.push(tokenOf((await backend.step([{ kind: "decode", slot: 0 }]))[0]));
      }
      await backend.end(0);
      expect(sampled).toEqual(answer);
    });

    test("threads may change between steps", async () => {
      backend.setThreads(backend.info.maxThreads);
      await coldAnswer();
      backend.setThreads(1);
      expect(await coldAnswer()).toHaveLength(count);
      backend.setThreads(backend.info.threads);
    });
  });
}

/** Runs the works in the same steps, as the step loop does. Returns the sampled tokens of each work. */
async function generate(backend: DrivenBackend, works: readonly Work[]): Promise<Token[][]> {
  return (await sample(backend, works)).map((results) => results.map(tokenOf));
}

/**
 * The first tokens of the answer, up to one whose next best token is nearly as probable: rounding decides between those, and differs with the processor and
 * with the tokens that a step computes.
 */
async function clearAnswer(backend: DrivenBackend, work: Work): Promise<Token[]> {
  const [results = []] = await sample(backend, [{ ...work, sampling: { ...greedy, topLogprobs: 2 } }]);
  const close = results.findIndex(({ logprobs }) => {
    const [best, next] = logprobs?.top ?? [];
    return best !== undefined && next !== undefined && best.logprob - next.logprob < 0.01;
  });
  return results.slice(0, close < 0 ? results.length : close).map(tokenOf);
}

async function sample(backend: DrivenBackend, works: readonly Work[]): Promise<Sampled[][]> {
  const running = works.map((work) => ({
    work,
    fed: work.keepTokens ?? 0,
    sampled: [] as Sampled[],
  }));
  for (const { work } of running) await backend.begin(work.slot, work.keepTokens ?? 0, work.sampling ?? greedy);
  for (;;) {
    const taking = running.filter(({ work, sampled }) => !hasEnded(backend, work, sampled));
    if (taking.length === 0) break;
    const entries = taking.map(({ work, fed }) => nextEntry(work, fed));
    const results = await backend.step(entries);
    expect(results).toHaveLength(entries.length);
    taking.forEach((each, i) => {
      const entry = entries[i];
      if (entry?.kind === "prefill") each.fed += entry.tokens.length;
      if (entry?.kind === "decode" || entry?.sample === true) each.sampled.push(sampledOf(results[i]));
    });
  }
  for (const { work } of running) await backend.end(work.slot);
  return running.map(({ sampled }) => sampled);
}

/** The logprobs of all tokens of a prompt except the first. @param others number of alternatives for each token @param chunk tokens fed in a step */
async function scoresOf(
  backend: DrivenBackend,
  prompt: readonly Token[],
  others: number,
  chunk: number,
): Promise<TokenLogprobs[]> {
  const scores: TokenLogprobs[] = [];
  await backend.begin(1, 0, { ...greedy, topLogprobs: others });
  for (let from = 0; from < prompt.length; from += chunk) {
    const tokens = prompt.slice(from, from + chunk);
    const sample = from + tokens.length === prompt.length;
    const next = prompt.slice(from + 1, from + 1 + chunk);
    const reads = next.map((token, at) => ({ at, tokens: [token], top: others }));
    const [result] = await backend.step([{ kind: "prefill", slot: 1, tokens, reads, sample }]);
    expect(result?.kind).toBe(sample ? "token" : "none");
    if (result !== undefined && result.kind !== "failed") {
      for (const { logprobs, top } of result.read ?? []) scores.push({ logprob: logprobs[0] ?? NaN, top });
    }
  }
  await backend.end(1);
  expect(scores).toHaveLength(prompt.length - 1);
  return scores;
}

function hasEnded(backend: DrivenBackend, work: Work, sampled: readonly Sampled[]): boolean {
  const last = sampled.at(-1)?.token;
  return sampled.length >= work.count || (last !== undefined && backend.isEndOfGeneration(last));
}

function nextEntry({ slot, prompt, chunk = prompt.length }: Work, fed: number): DrivenEntry {
  if (fed >= prompt.length) return { kind: "decode", slot };
  const tokens = prompt.slice(fed, fed + chunk);
  return { kind: "prefill", slot, tokens, sample: fed + tokens.length === prompt.length };
}

function tokenOf(result: EntryResult | undefined): Token {
  return sampledOf(result).token;
}

function sampledOf(result: EntryResult | undefined): Sampled {
  if (result?.kind !== "token") throw new Error(`Expected a token and got ${JSON.stringify(result)}`);
  return result;
}
