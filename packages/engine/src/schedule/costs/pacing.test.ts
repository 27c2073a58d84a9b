import { describe, expect, test } from "vitest";
import { machineOf, runScenario, type SimulatedStep } from "../../testing/simulated-machine.ts";
import type { StepCosts } from "@waggle/protocol";
import { createPacing, type Pacing, type PacingOptions } from "./pacing.ts";
import type { ThreadLimits } from "./threads.ts";

const oneThread: ThreadLimits = { start: 1, max: 1 };
const pacingWith = (given: Partial<PacingOptions> = {}): Pacing =>
  createPacing({ batchSize: 512, threads: oneThread, oneMatrix: false, ...given });
const rowsOnly = (decode: readonly number[]) => ({ decode, prompt: [], rowContext: 0, tileContext: 0 });
const median = (numbers: readonly number[]): number => numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? NaN;
const timesWithPrompt = (steps: readonly SimulatedStep[]): number[] =>
  steps.filter(({ promptTokens }) => promptTokens > 0).map(({ ms }) => ms);

const joining = { streams: 3, steps: 400, newcomer: { step: 40, promptTokens: 1_900 }, noise: 0.05 };
const loadOf = (slots: number, held = 0, prompts = 1) => ({
  ...{ runs: slots === 0 ? [] : [slots], heldTokens: slots * held, prompts },
  promptHeld: held,
});

/** A machine whose price list is known: milliseconds by rows and by tokens of a piece, and of 1,000 tokens of context for each token. */
const listOf = (
  decode: Readonly<Record<number, number>>,
  prompt: Readonly<Record<number, number>>,
  context = { row_ms: 0, tile_ms: 0 },
) => ({
  threads: [
    {
      threads: 1,
      decode: Object.entries(decode).map(([rows, ms]) => ({ rows: Number(rows), ms })),
      prompt: Object.entries(prompt).map(([tokens, ms]) => ({ tokens: Number(tokens), ms })),
    },
  ],
  context,
});

describe("a piece of a prompt", () => {
  /** The 135M shape on one thread of an EPYC with AVX2, with flash attention. */
  const epyc = listOf(
    { 1: 19, 2: 30, 4: 37, 8: 55 },
    { 8: 38, 16: 60, 64: 160, 512: 1_280 },
    { row_ms: 18, tile_ms: 3 },
  );
  const pieceOf = (slots: number, held: number, given: Partial<PacingOptions> = {}) =>
    pacingWith({ known: epyc, ...given }).plan(loadOf(slots, held));

  test("is a tile where a tile computes its tokens at once, and more where the streams' rows cost more", () => {
    expect(pieceOf(3, 1_000).prefillBudget).toBe(64);
    expect(pieceOf(8, 4_000).prefillBudget).toBe(128);
  });

  test("is as short as its price allows, and grows while the step stays quick", () => {
    const quick = listOf({ 1: 2, 4: 4 }, { 64: 10, 512: 70 });
    expect(pieceOf(1, 0, { known: quick }).leastPiece).toBe(128);
    expect(pieceOf(1, 0, { known: quick }).prefillBudget).toBe(512);
    // No stream waits for the step; next to lane jobs, a chat may begin.
    const slower = listOf({ 1: 2, 4: 4 }, { 64: 40, 512: 280 });
    const idle = [false, true].map((ofLane) => pacingWith({ known: slower }).plan({ ...loadOf(0), ofLane }));
    expect(idle.map(({ prefillBudget }) => prefillBudget)).toEqual([512, 128]);
    const dear = listOf({ 1: 200, 4: 260 }, { 64: 6_400 });
    expect(pieceOf(1, 0, { known: dear }).prefillBudget).toBe(4);
  });

  test.each([
    [0, 1],
    [1_000, 1],
    [1_000, 3],
    [4_000, 3],
    [4_000, 8],
  ])("after %i tokens while %i streams run makes a newcomer wait at most 1.3 times as long", (held, slots) => {
    const pacing = pacingWith({ known: epyc });
    const machine = machineOf({ oneMs: 19, rowMs: 2.4, rowContextMs: 18, tileContextMs: 3 });
    const { prefillBudget } = pacing.plan(loadOf(slots, held));
    const eachMs = (tokens: number): number => {
      const [rows, work] = [(slots * Math.max(0, held - 256)) / 1_000, (tokens * (held + tokens / 2 - 256)) / 1_000];
      const isTile = tokens >= 64;
      const context = { rowContext: rows + (isTile ? 0 : work), tileContext: isTile ? work : 0 };
      return machine({ decode: [slots], prompt: [tokens], ...context }, 1, false) / tokens;
    };
    const cheapest = Math.min(...[8, 16, 32, 64, 128, 256, 512].map(eachMs));
    expect(eachMs(prefillBudget) / cheapest).toBeLessThan(1.4);
  });

  test("is longer in a burst, and while no stream runs", () => {
    const pacing = pacingWith({ known: epyc });
    const tokens = (slots: number, prompts: number): number => pacing.plan(loadOf(slots, 1_000, prompts)).prefillBudget;
    expect([tokens(6, 5), tokens(6, 6)]).toEqual([64, 128]);
    const flat = listOf({ 1: 20, 2: 20, 4: 20 }, { 8: 141, 64: 480, 512: 3_200 });
    const longest = pacingWith({ known: flat }).plan(loadOf(2, 0, 3)).prefillBudget;
    expect(longest, "at most twice as long as usual").toBe(
      2 * pacingWith({ known: flat }).plan(loadOf(2, 0, 1)).prefillBudget,
    );
    expect(pacing.plan(loadOf(3)).prefillBudget).toBe(64);
    expect(pacing.plan(loadOf(0)).prefillBudget).toBe(128);
  });

  test("has no more tokens than the budget, than the memory for scores allows, and two tiles before a step was measured", () => {
    expect(pieceOf(3, 1_000, { prefillBudget: 8 }).prefillBudget).toBe(8);
    expect(pieceOf(8, 4_000, { mostBehind: (held) => (held < 4_000 ? 512 : 16) }).prefillBudget).toBe(16);
    expect(pacingWith().plan(loadOf(3)).prefillBudget).toBe(128);
    expect(
      pacingWith({ known: listOf({ 1: 20, 4: 80 }, {}) }).plan(loadOf(3)).prefillBudget,
      "rows say little about pieces",
    ).toBe(128);
  });

  test("takes as long as a piece of a text to embed", () => {
    const pacing = pacingWith({ known: epyc });
    expect(pacing.piece(loadOf(3)).ms).toBeGreaterThanOrEqual(60);
    expect(pacing.piece(loadOf(0)).ms).toBe(100);
  });

  test("is reported with what it costs, and learned prices change it", () => {
    const pacing = pacingWith({ known: epyc });
    const [, behind1000] = pacing.pieces();
    expect(behind1000).toMatchObject({ context: 1_000, tokens: 64 });
    expect(behind1000?.slowdown).toBeLessThanOrEqual(1.3);
    const kept = pacingWith({ known: epyc, maxTokenGapMs: 60 }).pieces();
    expect(kept[1]?.slowdown, "what the operator's bound costs").toBeGreaterThan(3);
    expect(pacingWith().pieces()).toEqual([]);
  });

  test("is at most 1.3 times as dear on a machine that is learned from steps alone, also as the context grows", () => {
    const machine = machineOf({ oneMs: 10, rowMs: 5, rowContextMs: 8, tileContextMs: 2 });
    const steps = runScenario(pacingWith(), { ...joining, machine });
    const reading = steps.filter(({ promptTokens }) => promptTokens > 0);
    const totalMs = reading.reduce((sum, { ms }) => sum + ms, 0);
    const atOnce = runScenario(pacingWith({ maxTokenGapMs: Infinity }), { ...joining, machine });
    const atOnceMs = timesWithPrompt(atOnce).reduce((sum, ms) => sum + ms, 0);
    expect(totalMs / atOnceMs).toBeLessThan(1.35);
    expect(Math.max(...reading.slice(3).map(({ promptTokens }) => promptTokens))).toBeLessThan(200);
  });
});

describe("the operator's bound", () => {
  const machine = machineOf({ oneMs: 10, rowMs: 5, rowContextMs: 4, tileContextMs: 2 });
  const steps = (maxTokenGapMs: number, on = machine, known?: StepCosts) =>
    runScenario(pacingWith({ maxTokenGapMs, known }), { ...joining, machine: on });

  test("is kept to while streams run, also as the context grows, and used", () => {
    const times = timesWithPrompt(steps(100));
    expect(times.filter((ms) => ms > 115).length, "steps beyond the bound").toBeLessThan(0.05 * times.length);
    expect(median(times)).toBeGreaterThan(80);
    expect(median(timesWithPrompt(steps(250)))).toBeGreaterThan(200);
    expect(timesWithPrompt(steps(Infinity)).length).toBeLessThan(6);
  });

  test("leaves prompts a third on a machine whose streams alone take longer", () => {
    const times = timesWithPrompt(steps(100, machineOf({ oneMs: 200, rowMs: 20 })));
    expect(median(times)).toBeGreaterThan(1.3 * 240);
    // Already one token of a prompt takes as long as one row.
    expect(median(times)).toBeLessThan(240 + 1.9 * 200);
    const measured = listOf({ 1: 200, 4: 206 }, { 64: 326 });
    const flat = steps(100, machineOf({ oneMs: 200, rowMs: 2 }), measured).filter(
      ({ promptTokens }) => promptTokens > 0,
    );
    expect(median(flat.map(({ promptTokens }) => promptTokens))).toBeGreaterThan(20);
    expect(timesWithPrompt(steps(100, machineOf({ oneMs: 5_000, rowMs: 4_000 }))).length).toBeGreaterThan(300);
  });
});

describe("slots next to each other", () => {
  /** Two rows take three times as long as one. */
  const known = listOf({ 1: 10, 2: 30, 4: 34 }, {});

  test("are computed one after the other where that was measured to be faster, and together otherwise", () => {
    const { divide } = pacingWith({ known }).plan(loadOf(2));
    expect([divide(2, 1), divide(4, 1)]).toEqual([[1, 1], [4]]);
    expect(divide(3, 1), "not measured").toEqual([3]);
    expect(divide(2, 4), "with drafts").toEqual([2]);
    const linear = pacingWith({ known: listOf({ 1: 10, 2: 22 }, {}) });
    expect(linear.plan(loadOf(2)).divide(2, 1)).toEqual([2]);
  });

  test("are one matrix where the slots share a cache", () => {
    const pacing = pacingWith({ known, oneMatrix: true });
    expect(pacing.plan({ ...loadOf(2), promptHeld: undefined }).divide(2, 1)).toEqual([2]);
  });
});

describe("the price of drafts", () => {
  const alone = loadOf(2, 0, 0);

  test("is that of the rows of all slots", () => {
    const pacing = pacingWith({ known: listOf({ 1: 10, 2: 14, 4: 20, 8: 30 }, {}) });
    expect(pacing.draftMs(alone, 4)).toBe(30);
  });

  test("is unknown before a step was measured, and where the step would be longer than with a piece of a prompt", () => {
    expect(pacingWith().draftMs(alone, 2)).toBeUndefined();
    const linear = listOf({ 1: 20, 2: 40, 4: 80 }, { 64: 1_280 });
    expect(pacingWith({ known: linear }).draftMs(alone, 4)).toBe(160);
    expect(pacingWith({ known: linear }).draftMs(alone, 8)).toBeUndefined();
    expect(pacingWith({ known: linear, maxTokenGapMs: 100 }).draftMs(alone, 4)).toBeUndefined();
  });
});

describe("threads", () => {
  test("are limited at once", () => {
    const known = {
      threads: [1, 2, 4].map((threads) => ({ threads, decode: [{ rows: 1, ms: 40 / threads }], prompt: [] })),
      context: { row_ms: 0, tile_ms: 0 },
    };
    const pacing = pacingWith({ threads: { start: 4, max: 4 }, known });
    expect(pacing.threads(rowsOnly([1]))).toBe(4);
    pacing.limitThreads(2);
    expect(pacing.threads(rowsOnly([1]))).toBe(2);
    pacing.limitThreads(0);
    expect(pacing.threads(rowsOnly([1]))).toBe(1);
  });

  const machine = machineOf({ oneMs: 10, rowMs: 5, secondThread: 0.6 });
  const scenario = { machine, streams: 8, steps: 3_000, newcomer: { step: 40, promptTokens: 2_000 }, noise: 0.08 };
  const totalMs = (threads: ThreadLimits, busyAt: (ms: number) => boolean): number =>
    runScenario(pacingWith({ threads }), { ...scenario, busyAt }).reduce((sum, { ms }) => sum + ms, 0);

  test.each([
    ["is free", () => false],
    ["is needed by another process", () => true],
  ])("on a machine whose second core %s, no fixed number is much faster", (_, busyAt) => {
    const fixedMs = [1, 2].map((start) => totalMs({ start, max: 2, pinned: true }, busyAt));
    expect(totalMs({ start: 1, max: 2 }, busyAt)).toBeLessThan(1.1 * Math.min(...fixedMs));
  });
});

test("a step has few prompt tokens with logprobs, and its time corrects no price", () => {
  const pacing = pacingWith({ known: listOf({ 1: 1 }, { 64: 1 }) });
  const { prefillBudget, scoredTokens } = pacing.plan(loadOf(1));
  expect([prefillBudget, scoredTokens]).toEqual([512, 32]);
  expect(pacingWith({ prefillBudget: 8 }).plan(loadOf(1)).scoredTokens).toBe(8);
  const before = pacing.costs();
  pacing.observe({ ...rowsOnly([1]), prompt: [64] }, { threads: 1, ms: 500, scored: 32 });
  expect(pacing.costs()).toEqual(before);
});
