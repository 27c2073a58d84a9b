import { describe, expect, test } from "vitest";
import { machineOf, runScenario, type SimulatedStep } from "../testing/simulated-machine.ts";
import { createPacing, type Pacing, type PacingOptions } from "./pacing.ts";
import type { ThreadLimits } from "./threads.ts";

const oneThread: ThreadLimits = { start: 1, max: 1 };
const pacingWith = (given: Partial<PacingOptions> = {}): Pacing =>
  createPacing({ batchSize: 512, threads: oneThread, oneMatrix: false, maxTokenGapMs: 100, ...given });
const rowsOnly = (decode: readonly number[]) => ({ decode, prompt: [], rowContext: 0, tileContext: 0 });
const median = (numbers: readonly number[]): number => numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? NaN;
const timesWithPrompt = (steps: readonly SimulatedStep[]): number[] =>
  steps.filter(({ promptTokens }) => promptTokens > 0).map(({ ms }) => ms);

describe("the time of a step", () => {
  const joining = { streams: 3, steps: 400, newcomer: { step: 40, promptTokens: 1_900 }, noise: 0.05 };
  const machine = machineOf({ oneMs: 10, rowMs: 5, rowContextMs: 4, tileContextMs: 2 });

  test("stays below the bound while streams run, also as the context grows, and uses what the bound allows", () => {
    const times = timesWithPrompt(runScenario(pacingWith(), { ...joining, machine }));
    expect(times.filter((ms) => ms > 115).length, "steps beyond the bound").toBeLessThan(0.05 * times.length);
    expect(median(times)).toBeGreaterThan(80);
  });

  test("follows the bound that was set, and has none without it", () => {
    const steps = (maxTokenGapMs: number) =>
      timesWithPrompt(runScenario(pacingWith({ maxTokenGapMs }), { ...joining, machine }));
    expect(median(steps(250))).toBeGreaterThan(200);
    expect(steps(Infinity).length).toBeLessThan(6);
  });

  test("gives prompts a third on a machine whose streams alone take longer than the bound", () => {
    const slow = machineOf({ oneMs: 200, rowMs: 20 });
    const times = timesWithPrompt(runScenario(pacingWith(), { ...joining, machine: slow }));
    expect(median(times)).toBeGreaterThan(1.3 * 240);
    // Already one token of a prompt takes as long as one row.
    expect(median(times)).toBeLessThan(240 + 1.9 * 200);
  });

  test("has several prompt tokens where already one takes too long", () => {
    const slow = machineOf({ oneMs: 200, rowMs: 2 });
    const steps = runScenario(pacingWith(), { ...joining, machine: slow }).filter(
      ({ promptTokens }) => promptTokens > 0,
    );
    expect(median(steps.map(({ promptTokens }) => promptTokens))).toBeGreaterThan(20);
  });

  test("never has more prompt tokens than the budget, and at least one", () => {
    const fixed = runScenario(pacingWith({ prefillBudget: 8 }), { ...joining, machine });
    expect(Math.max(...fixed.map(({ promptTokens }) => promptTokens))).toBe(8);
    const slow = machineOf({ oneMs: 5_000, rowMs: 4_000 });
    const steps = runScenario(pacingWith(), { ...joining, machine: slow });
    expect(timesWithPrompt(steps).length).toBeGreaterThan(300);
  });

  test("leaves room for few cells of a picture while streams run, and for many while none runs", () => {
    const pacing = pacingWith();
    for (const rows of [1, 2, 4]) pacing.observe(rowsOnly([rows]), { threads: 1, ms: 10 * rows, scored: 0 });
    const load = { heldTokens: 10, prompts: 1, promptHeld: undefined };
    expect(pacing.cells({ ...load, runs: [3] }, 0)).toBe(16);
    expect(pacing.cells({ ...load, runs: [] }, 0)).toBe(128);
    const slow = pacingWith();
    for (const rows of [1, 2, 4]) slow.observe(rowsOnly([rows]), { threads: 1, ms: 200 + 20 * rows, scored: 0 });
    expect(slow.cells({ ...load, runs: [3] }, 0)).toBe(32);
    expect(pacingWith({ prefillBudget: 8 }).cells({ ...load, runs: [3] }, 0)).toBe(8);
  });

  test("is longer while no stream runs", () => {
    const quick = machineOf({ oneMs: 10, rowMs: 2, rowContextMs: 1, tileContextMs: 0.5 });
    const times = timesWithPrompt(runScenario(pacingWith(), { ...joining, streams: 0, machine: quick, noise: 0 }));
    expect(times.slice(2).filter((ms) => ms > 500)).toEqual([]);
    expect(median(times)).toBeGreaterThan(250);
  });
});

test("while more prompts wait than slots decode, a step is as long as without streams", () => {
  const pacing = pacingWith({
    known: {
      threads: [
        {
          threads: 1,
          busy: 1,
          decode: [1, 2, 4].map((rows) => ({ rows, ms: 10 * rows })),
          prompt: [{ tokens: 64, ms: 190 }],
        },
      ],
      context: { row_ms: 0, tile_ms: 0 },
    },
  });
  const tokens = (prompts: number): number =>
    pacing.plan({ runs: [2], heldTokens: 0, prompts, promptHeld: 0 }).prefillBudget;
  expect(tokens(2)).toBeLessThan(64);
  expect(tokens(3)).toBe(128);
});

describe("two slots", () => {
  /** Two rows take three times as long as one. */
  const cliff = machineOf({ oneMs: 10, rowMs: 2, matrixMs: 18 });
  const known = {
    threads: [
      {
        threads: 1,
        busy: 1,
        decode: [1, 2, 4].map((rows) => ({ rows, ms: rows === 1 ? 10 : 26 + 2 * rows })),
        prompt: [],
      },
    ],
    context: { row_ms: 0, tile_ms: 0 },
  };

  test("are computed one after the other where that is faster, and together where four rows are", () => {
    const shapes = (streams: number) =>
      runScenario(pacingWith({ known }), { machine: cliff, streams, steps: 60 }).at(-1)?.shape.decode;
    expect(shapes(2)).toEqual([1, 1]);
    expect(shapes(4)).toEqual([4]);
  });

  test("are one matrix where the slots share a cache", () => {
    const pacing = pacingWith({ known, oneMatrix: true });
    expect(pacing.plan({ runs: [2], heldTokens: 0, prompts: 0, promptHeld: undefined }).divide(2, 1)).toEqual([2]);
  });
});

describe("the price of guesses", () => {
  const costs = (decode: Readonly<Record<number, number>>) => ({
    threads: [
      {
        threads: 1,
        busy: 1,
        decode: Object.entries(decode).map(([rows, ms]) => ({ rows: Number(rows), ms })),
        prompt: [],
      },
    ],
    context: { row_ms: 0, tile_ms: 0 },
  });

  test("is that of the rows of all slots", () => {
    const pacing = pacingWith({ known: costs({ 1: 10, 2: 14, 4: 20, 8: 30 }) });
    expect(pacing.guessMs({ runs: [2], heldTokens: 0, prompts: 0, promptHeld: undefined }, 4)).toBe(30);
  });

  test("is unknown before a step was measured, and where the step would be too long for other streams", () => {
    const load = { runs: [2], heldTokens: 0, prompts: 0, promptHeld: undefined };
    expect(pacingWith().guessMs(load, 2)).toBeUndefined();
    const dear = pacingWith({ known: costs({ 1: 60, 2: 90, 4: 130 }) });
    expect(dear.guessMs(load, 2)).toBeUndefined();
    expect(dear.guessMs({ ...load, runs: [1] }, 4)).toBe(130);
  });
});

describe("threads", () => {
  test("are limited at once", () => {
    const known = {
      threads: [1, 2, 4].map((threads) => ({ threads, busy: 1, decode: [{ rows: 1, ms: 40 / threads }], prompt: [] })),
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

describe("scored tokens", () => {
  test("get as much time as a prompt, by their measured price", () => {
    const pacing = pacingWith();
    const shape = { decode: [1], prompt: [8], rowContext: 0, tileContext: 0 };
    const load = { runs: [1], heldTokens: 0, prompts: 1, promptHeld: 0 };
    for (let i = 0; i < 9; i++) pacing.observe(rowsOnly([1]), { threads: 1, ms: 10, scored: 0 });
    expect(pacing.plan(load).scoredTokens).toBe(8);
    for (let i = 0; i < 9; i++) pacing.observe(shape, { threads: 1, ms: 10 + 8 * 6, scored: 8 });
    expect(pacing.plan(load).scoredTokens).toBe(15);
  });
});
