import { expect, test } from "vitest";
import { createChoice, createTrials, type Trials } from "./choice.ts";
import { createPassCosts } from "./pass-costs.ts";

interface Played {
  readonly settled: number;
  /** The count of each pass of the trial. */
  readonly counts: readonly number[];
  /** Milliseconds that other trials wait because of this trial's loss. */
  readonly owedMs: number | undefined;
}

/** Plays the first trial to its end, after passes of 10 ms. */
function play(present: number, candidate: number, passMs: (count: number, pass: number) => number): Played {
  const real = createTrials();
  let owedMs: number | undefined;
  const trials: Trials = {
    ...real,
    get computedMs() {
      return real.computedMs;
    },
    end(trial, ms) {
      owedMs = ms;
      real.end(trial, ms);
    },
  };
  const costs = createPassCosts(() => present);
  const known = [present, candidate].toSorted((a, b) => a - b);
  const choice = createChoice({ start: present, counts: known, trials, usualMs: (count) => costs.usualMs(0, count) });
  const observe = (threads: number, ms: number): void => {
    costs.add({ decodeRows: 1, tokens: 1, threads, passMs: ms });
    trials.observe(ms);
    choice.observe(ms);
  };
  for (let pass = 0; pass < 8; pass++) observe(choice.next(), 10);
  const counts: number[] = [];
  while (owedMs === undefined) {
    const count = choice.next();
    counts.push(count);
    observe(count, passMs(count, counts.length - 1));
  }
  return { settled: choice.settled, counts, owedMs };
}

test("a trial alternates between both counts, the candidate first", () => {
  expect(play(1, 2, () => 10).counts.join("")).toBe("222111222111222111");
});

test("a higher count must save a tenth of the time, a lower count only more than the noise", () => {
  const took = (ms: number) => (count: number) => (count === 2 ? ms : 10);
  expect(play(1, 2, took(9.2)).settled).toBe(1);
  expect(play(1, 2, took(8.9)).settled).toBe(2);
  expect(play(3, 2, took(9.8)).settled).toBe(3);
  expect(play(3, 2, took(9.6)).settled).toBe(2);
});

test("one slow pass of either count does not decide a trial", () => {
  const outlierAt = (slow: number) => (count: number, pass: number) => (pass === slow ? 30 : count === 2 ? 8 : 10);
  expect(play(1, 2, outlierAt(1)).settled).toBe(2);
  const noGainBut = (slow: number) => (_: number, pass: number) => (pass === slow ? 30 : 10);
  expect(play(1, 2, noGainBut(4)).settled).toBe(1);
});

test("a trial ends when its candidate has lost three usual passes, and the next trial waits eight times as long", () => {
  const slow = play(1, 2, (count) => (count === 2 ? 20 : 10));
  expect(slow).toEqual({ settled: 1, counts: [2, 2, 2], owedMs: 8 * 30 });
  expect(play(1, 2, () => 500)).toEqual({ settled: 1, counts: [2], owedMs: 8 * 490 });
});

test("time that the candidate saves makes up for time that it loses", () => {
  const { settled, counts } = play(1, 2, (count, pass) => (pass === 7 ? 35 : count === 2 ? 5 : 10));
  expect([settled, counts.length]).toEqual([2, 18]);
});
