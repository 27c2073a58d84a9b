// Tests drafts by their parts on simulated machines, and those of running jobs on the fake backend.
import { describe, expect, test } from "vitest";
import type { StepCosts } from "@waggle/protocol";
import type { Token } from "../../port/steps.ts";
import {
  expectedText,
  job,
  sampling,
  startEngine,
  statsOf,
  submit,
  type EngineHarness,
} from "../../testing/engine-harness.ts";
import { runIn } from "../../testing/run-in.ts";
import { chooseDrafts } from "./choose-drafts.ts";
import { createDrafter, createDraftRecords, type Draft } from "./drafter.ts";
import { createDrafts } from "./drafts.ts";

/** Milliseconds of a step by its rows, measured: the shape of 135M in Q8_0 with one thread, and of 1B in Q4_K_M with two. */
const small = { 1: 9.2, 2: 27.7, 3: 30, 4: 34, 6: 46, 8: 46, 12: 58, 16: 67, 32: 97, 64: 160 };
const large = { 1: 28, 2: 42, 3: 57, 4: 73, 6: 107, 8: 142, 12: 210, 16: 196, 32: 300, 64: 520 };
const fourthFree = { 1: 49, 2: 68, 3: 83, 4: 66, 5: 88, 8: 144, 12: 203, 16: 211 };
type Curve = Readonly<Record<number, number>>;

/** Numbers below `count`, always the same. */
function createNumbers(): (count: number) => number {
  let state = 1;
  return (count) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * count);
  };
}

function randomText(length: number, vocabulary: number): Token[] {
  const number = createNumbers();
  return Array.from({ length }, () => 1 + number(vocabulary));
}

/** The text with another token in about one of `every` places. */
function edited(text: readonly Token[], every: number): Token[] {
  const number = createNumbers();
  return text.map((token) => (number(every) === 0 ? 5_000 + number(100) : token));
}

function drafterOf(prompt: readonly Token[]) {
  return createDrafter({ prompt, output: [], earlier: () => undefined, records: createDraftRecords() });
}

/** Decodes a text that a model would sample. @returns tokens per millisecond, relative to steps of one row */
function gainOf(text: readonly Token[], prompt: readonly Token[], curve: Curve): number {
  const drafter = drafterOf(prompt);
  let ms = 0;
  for (let at = 0; at < text.length;) {
    const draft = drafter.draft(63);
    const count = chooseDrafts([draft], 63, (rows) => curve[rows]);
    ms += curve[1 + count] ?? Infinity;
    let right = 0;
    while (right < count && draft.tokens[right] === text[at + right]) right += 1;
    for (const token of text.slice(at, at + right + 1)) drafter.push(token);
    at += right + 1;
  }
  return (text.length * (curve[1] ?? 0)) / ms;
}

describe("drafts on a simulated machine", () => {
  const prompt = randomText(3_000, 2_000);

  test.each([
    ["small", small, 1.8],
    ["large", large, 1.8],
    ["with a free fourth row", fourthFree, 2],
  ])("make an answer faster that repeats its prompt with edits: %s", (_, curve, least) => {
    expect(gainOf(edited(prompt.slice(0, 2_000), 100), prompt, curve)).toBeGreaterThan(least);
  });

  test.each([small, large, fourthFree])(
    "never make an answer slower that is random, with chance matches or without",
    (curve) => {
      for (const vocabulary of [4, 8, 20, 2_000]) {
        const random = randomText(6_000, vocabulary);
        expect(gainOf(random.slice(3_000), random.slice(0, 3_000), curve), `${vocabulary}`).toBeGreaterThanOrEqual(
          0.98,
        );
      }
    },
  );
});

describe("the drafts of a step", () => {
  const entries = Array.from({ length: 200 }, (_, i) => i % 50);
  const cheap = (rows: number): number => 10 + rows;

  test("are equally many for all slots, filled up where a slot has no draft", () => {
    const runs = [runIn("decoding", { entries, sampled: [0, 1], maxTokens: 8 }), runIn("decoding", { slot: 1 })];
    const drafts = createDrafts({
      backend: {
        info: { batchSize: 64, contextPool: 1_000, contextSize: 1_000 },
        generator: { takesDrafts: true },
      } as never,
      slots: runs.map(({ slot }) => slot),
      pacing: { draftMs: () => 10 },
      enabled: true,
    });
    const load = { runs: [2], heldTokens: 200, prompts: 0, promptHeld: undefined };
    expect([...(drafts.next(runs, load)?.values() ?? [])]).toEqual([
      [2, 3, 4, 5, 6],
      [0, 0, 0, 0, 0],
    ]);
  });

  test("do not slow down a slot without a draft by more than a twentieth", () => {
    const draft = drafterOf(entries).draft(63);
    const none: Draft = { tokens: [], chances: [] };
    const countOf = (...drafts: readonly Draft[]): number => chooseDrafts(drafts, 63, cheap);
    expect(countOf(draft)).toBeGreaterThan(0);
    expect(countOf(draft, none)).toBe(0);
    expect(countOf(draft, draft), "both gain").toBeGreaterThan(0);
    expect(
      chooseDrafts([draft], 63, () => undefined),
      "the price is unknown",
    ).toBe(0);
  });
});

/** A machine where further rows cost nothing. */
const freeRows: StepCosts = {
  threads: [{ threads: 1, decode: [1, 2, 512].map((rows) => ({ rows, ms: 1 })), prompt: [] }],
  context: { row_ms: 0, tile_ms: 0 },
};

function startFree(guesses = true): EngineHarness {
  let ms = 0;
  return startEngine({ stepCosts: freeRows, limits: { guesses }, now: () => (ms += 1) });
}

const prompt = "[cycle:4]";

test.each([17, 18, 40])("an answer with guesses has exactly max_tokens: %i", async (maxTokens) => {
  const { engine, untilJob, textOf } = startFree();
  submit(engine, job("a", prompt, { maxTokens }));
  const { completionTokens, by, rightGuesses = 0 } = await untilJob("a", "finished");
  expect([completionTokens, by]).toEqual([maxTokens, "max_tokens"]);
  expect(textOf("a")).toBe(expectedText(prompt, maxTokens));
  expect(rightGuesses).toBeGreaterThan(0);
});

test("an answer with guesses ends with the context", async () => {
  const { textOf, run } = startFree();
  const { completionTokens, promptTokens, by } = await run(job("a", prompt, { maxTokens: 1_000 }));
  expect([completionTokens, by]).toEqual([256 - promptTokens, "context"]);
  expect(textOf("a")).toBe(expectedText(prompt, completionTokens));
});

test("a stop string over several tokens of one step cuts the answer after the text before it", async () => {
  const { textOf, run } = startFree();
  const text = expectedText(prompt, 100);
  // The text repeats, so only many characters occur first near its end.
  let size = 14;
  while (text.indexOf(text.slice(-size)) < text.length / 2) size += 1;
  const stop = text.slice(-size);
  const { by, rightGuesses } = await run(job("a", prompt, { maxTokens: 200, stop: [stop] }));
  expect(by).toBe("stop_string");
  expect(rightGuesses).toBeGreaterThan(0);
  expect(textOf("a")).toBe(text.slice(0, text.indexOf(stop)));
});

test("jobs with different seeds have the texts that they have alone", async () => {
  const { engine, untilJob, textOf } = startFree();
  for (const seed of [1, 2])
    submit(engine, job(`${seed}`, prompt, { maxTokens: 60, sampling: sampling({ temperature: 1, seed }) }));
  for (const seed of [1, 2]) {
    const { rightGuesses } = await untilJob(`${seed}`, "finished");
    expect(rightGuesses).toBeGreaterThan(0);
    expect(textOf(`${seed}`)).toBe(expectedText(prompt, 60, { temperature: 1, seed }));
  }
});

test.each(["job", "engine"])("nothing is guessed where the %s forbids guesses", async (which) => {
  const { events, run } = startFree(which === "job");
  expect(
    (await run(job("a", prompt, { maxTokens: 60, ...(which === "job" ? { guesses: false } : {}) }))).guessedTokens,
  ).toBeUndefined();
  expect(statsOf(events).every(({ guessed }) => guessed === 0)).toBe(true);
});

test("an earlier answer is used in its own scope only", async () => {
  const { engine, untilJob } = startFree();
  const guessedIn = async (jobId: string, guessScope: string | undefined): Promise<number> => {
    submit(engine, { ...job(jobId, "Tell me of bees.", { maxTokens: 40 }), guessScope });
    return (await untilJob(jobId, "finished")).rightGuesses ?? 0;
  };
  await guessedIn("unscoped", undefined);
  await guessedIn("first", "alice");
  expect(await guessedIn("other", "bob")).toBeLessThan(10);
  expect(await guessedIn("unscoped too", undefined)).toBeLessThan(10);
  expect(await guessedIn("same", "alice")).toBeGreaterThan(25);
});

test("the last token of an earlier answer is guessed, too", async () => {
  const { engine, untilJob } = startFree();
  const rightOf = async (jobId: string, maxTokens: number): Promise<number | undefined> => {
    submit(engine, { ...job(jobId, "Tell me of bees.", { maxTokens }), guessScope: "alice" });
    return (await untilJob(jobId, "finished")).rightGuesses;
  };
  await rightOf("first", 4);
  expect(await rightOf("second", 5)).toBe(1);
});
