// Tests how many slots decode in a step, and that measurements of turns, threads and prompts do not mislead each other.
import { describe, expect, test } from "vitest";
import { machineOf, runScenario, type SimulatedStep } from "../testing/simulated-machine.ts";
import { createPacing, type Pacing } from "./pacing.ts";
import type { PassShape } from "./pass-costs.ts";
import type { ThreadLimits } from "./threads.ts";

const oneThread: ThreadLimits = { start: 1, max: 1 };
const pacingWith = (threads: ThreadLimits): Pacing => createPacing({ batchSize: 512, threads });

/** Runs steps while this many slots decode, and returns the number of slots that decoded in each step. */
function run(pacing: Pacing, decoding: number, steps: number, ms: (rows: number) => number): number[] {
  return Array.from({ length: steps }, () => {
    const rows = pacing.plan({ decoding, prefilling: 0 }).decodeRows;
    const shape = { decodeRows: rows, tokens: rows };
    pacing.observe({ ...shape, threads: pacing.threads(shape), passMs: ms(rows) });
    return rows;
  });
}

describe("a limit of threads", () => {
  const shape: PassShape = { decodeRows: 1, tokens: 1 };

  test("takes effect at once, and the times of limited passes are not used", () => {
    const pacing = pacingWith({ start: 4, max: 8 });
    const before = pacing.threads(shape);
    pacing.limitThreads(2);
    for (let i = 0; i < 500; i += 1) {
      const threads = pacing.threads(shape);
      expect(threads).toBe(2);
      // Without the limit, passes as slow as these would lower the number of threads.
      expect(pacing.observe({ ...shape, threads, passMs: 1_000 })).toBeUndefined();
    }
    pacing.limitThreads(8);
    expect(pacing.threads(shape)).toBe(before);
  });

  test("has no effect where fewer threads are chosen anyway, and is never below one thread", () => {
    const pacing = pacingWith(oneThread);
    pacing.limitThreads(0);
    expect(pacing.threads(shape)).toBe(1);
    pacing.limitThreads(4);
    expect(pacing.threads(shape)).toBe(1);
  });
});

/** Two or three rows take three times as long as one. */
const cliff = (rows: number): number => (rows === 1 ? 10 : 30);
/** A step with more rows takes little longer, because all rows share the time of reading memory. */
const flat = (rows: number): number => 10 + rows;
const alone = (rows: readonly number[]): number => rows.filter((each) => each === 1).length;

describe("two or three slots", () => {
  test("decode together before turns are measured", () => {
    expect(new Set(run(pacingWith(oneThread), 2, 8, cliff))).toEqual(new Set([2]));
  });

  test("decode in turns when measured faster", () => {
    const pacing = pacingWith(oneThread);
    run(pacing, 2, 200, cliff);
    expect(alone(run(pacing, 2, 500, cliff))).toBeGreaterThan(480);
  });

  test("decode together when turns save no time, with trials that become rarer", () => {
    const pacing = pacingWith(oneThread);
    const early = alone(run(pacing, 3, 1_000, flat));
    const late = alone(run(pacing, 3, 1_000, flat));
    expect(early).toBeGreaterThan(0);
    expect(late).toBeLessThan(early);
    expect(early + late).toBeLessThan(60);
  });

  test("decode together again when turns have become slower", () => {
    const pacing = pacingWith(oneThread);
    run(pacing, 2, 200, cliff);
    expect(run(pacing, 2, 6_000, flat).at(-1)).toBe(2);
  });

  test("decode together despite single slow steps", () => {
    let step = 0;
    const rows = run(pacingWith(oneThread), 2, 400, (each) => (step++ % 50 === 49 ? 500 : flat(each)));
    expect(alone(rows)).toBeLessThan(30);
  });

  test("decode together when the overhead of more passes outweighs the time that turns save", () => {
    expect(alone(run(pacingWith(oneThread), 2, 2_000, (each) => cliff(each) / 30))).toBeLessThan(70);
  });

  test("are the only numbers of slots with a choice of turns", () => {
    const pacing = pacingWith(oneThread);
    for (const decoding of [1, 4, 8]) expect(new Set(run(pacing, decoding, 300, cliff))).toEqual(new Set([decoding]));
  });

  test("decode together while a prompt is computed", () => {
    const pacing = pacingWith(oneThread);
    run(pacing, 2, 200, cliff);
    expect(pacing.plan({ decoding: 2, prefilling: 1 }).decodeRows).toBe(2);
    expect(pacing.plan({ decoding: 2, prefilling: 0 }).decodeRows).toBe(1);
  });
});

describe("measurements for several decisions", () => {
  const load = { decoding: 3, prefilling: 1 };
  const together: PassShape = { decodeRows: 3, tokens: 3 };
  const withPrompt: PassShape = { decodeRows: 3, tokens: 3 + 12 };
  const passes = (pacing: Pacing, count: number, shape: PassShape, ms: (threads: number) => number): number[] =>
    Array.from({ length: count }, () => {
      const threads = pacing.threads(shape);
      pacing.observe({ ...shape, threads, passMs: ms(threads) });
      return threads;
    });

  test("do not lower the prefill budget by the slow passes of a trial", () => {
    const pacing = pacingWith({ start: 1, max: 2 });
    passes(pacing, 5, together, () => 40);
    passes(pacing, 5, withPrompt, () => 40 + 12 * 5);
    const budget = pacing.plan(load).prefillBudget;
    const tried = Array.from({ length: 60 }, () => {
      const [threads] = passes(pacing, 1, withPrompt, (count) => (40 + 12 * 5) * (count === 2 ? 1.3 : 1));
      expect(pacing.plan(load).prefillBudget).toBe(budget);
      return threads;
    });
    expect(tried.filter((threads) => threads === 2).length, "passes with two threads on trial").toBeGreaterThan(5);
  });

  test("set the prefill budget by the times with the new number of threads, after the number has changed", () => {
    const pacing = pacingWith({ start: 1, max: 2 });
    // A second thread saves time in prompts only.
    const promptMs = (threads: number): number => 40 + (12 * 8) / threads;
    passes(pacing, 5, together, () => 40);
    passes(pacing, 8, withPrompt, promptMs);
    const before = pacing.plan(load).prefillBudget;
    passes(pacing, 200, withPrompt, promptMs);
    const faster = pacing.plan(load).prefillBudget;
    expect(faster).toBeGreaterThan(1.5 * before);
    // Another process takes the second core, so passes with two threads collapse.
    const collapsing = passes(pacing, 4, withPrompt, (threads) => (threads === 2 ? 2_000 : promptMs(1)));
    expect(collapsing.at(-1)).toBe(1);
    expect(pacing.plan(load).prefillBudget).toBeLessThanOrEqual(before);
  });

  test("never come from overlapping trials of turns and of threads", () => {
    const pacing = pacingWith({ start: 1, max: 2 });
    const machine = machineOf({
      oneMs: 10,
      rowMs: 1,
      tileTokenMs: 1,
      partTokenMs: 2,
      secondThread: { share: 1.05 },
    });
    const steps = runScenario(pacing, { machine, streams: 2, tokens: 5_000 });
    const trials = trialsOf(steps);
    expect(trials.filter(({ turns }) => turns > 0).length).toBeGreaterThan(3);
    expect(trials.filter(({ threads }) => threads > 0).length).toBeGreaterThan(3);
    expect(trials.filter(({ turns, threads }) => turns > 0 && threads > 0)).toEqual([]);
  });

  test("are not delayed for long by a trial without passes", () => {
    const pacing = pacingWith({ start: 1, max: 2 });
    passes(pacing, 10, { decodeRows: 0, tokens: 100 }, () => 50);
    const tried = passes(pacing, 60, together, () => 10);
    expect(tried.slice(0, 30)).not.toContain(2);
    expect(tried).toContain(2);
  });
});

describe("on a simulated machine", () => {
  const machine = machineOf({
    oneMs: 10,
    rowMs: 5,
    tileTokenMs: 3,
    partTokenMs: 4.5,
    secondThread: { share: 0.6, oneRowShare: 0.9 },
    contextDoubles: 2_000,
  });
  const newcomers = Array.from({ length: 6 }, (_, i) => ({ step: 40 + 120 * i, promptTokens: 400, answerTokens: 60 }));
  const scenario = { machine, streams: 8, tokens: 1_000, newcomers, noise: 0.08 };
  const totalMs = (steps: readonly SimulatedStep[]): number => steps.reduce((sum, { passMs }) => sum + passMs, 0);

  test.each([
    ["is free", () => false],
    ["is needed by another process", () => true],
  ])("whose second core %s, no fixed number of threads is much faster than the chosen ones", (_, busyAt) => {
    const pinned = [1, 2].map((start) => pacingWith({ start, max: 2, pinned: true }));
    const fixedMs = pinned.map((pacing) => totalMs(runScenario(pacing, { ...scenario, busyAt })));
    const chosenMs = totalMs(runScenario(pacingWith({ start: 1, max: 2 }), { ...scenario, busyAt }));
    expect(chosenMs).toBeLessThan(1.1 * Math.min(...fixedMs));
  });

  test("with a process that is busy at times, each fixed number of threads is slower than the chosen ones", () => {
    const busyAt = (ms: number): boolean => Math.floor(ms / 10_000) % 2 === 1;
    const totals = [
      { start: 1, max: 2 },
      { start: 1, max: 1 },
      { start: 2, max: 2, pinned: true },
    ].map((threads) => totalMs(runScenario(pacingWith(threads), { ...scenario, busyAt })));
    expect(totals[0]).toBeLessThan(Math.min(...totals.slice(1)));
  });

  test("95 of 100 steps with a new prompt take less than five usual steps", () => {
    const steps = runScenario(pacingWith({ start: 1, max: 2 }), scenario).filter(
      ({ promptTokens }) => promptTokens > 0,
    );
    const stretches = steps.map(({ passMs, bestStepMs }) => passMs / bestStepMs).toSorted((a, b) => a - b);
    expect(stretches[Math.floor(stretches.length * 0.95)]).toBeLessThan(5);
  });
});

/** Groups the passes in turns or with more threads into trials. Passes that are at most four steps apart belong to one trial. */
function trialsOf(steps: readonly SimulatedStep[]): { turns: number; threads: number }[] {
  const trials: { turns: number; threads: number }[] = [];
  let last = -Infinity;
  steps.forEach(({ decoding, decodeRows, threads }, step) => {
    const [inTurns, moreThreads] = [decodeRows < decoding, threads > 1];
    if (!inTurns && !moreThreads) return;
    if (step - last > 4) trials.push({ turns: 0, threads: 0 });
    last = step;
    const trial = trials.at(-1);
    if (trial === undefined) return;
    if (inTurns) trial.turns += 1;
    if (moreThreads) trial.threads += 1;
  });
  return trials;
}
