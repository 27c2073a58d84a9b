import { expect, test } from "vitest";
import { createThreadTrial, type TrialVerdict } from "./thread-trial.ts";

/** Plays a trial to its end; returns the verdict and the counts that computed. */
function play(
  present: number,
  candidate: number,
  passMs: (threads: number, pass: number) => number,
): { verdict: TrialVerdict; threads: number[] } {
  const trial = createThreadTrial({ present, candidate, usualMs: 10 });
  const threads: number[] = [];
  for (;;) {
    threads.push(trial.threads);
    const verdict = trial.observe(trial.threads, passMs(trial.threads, threads.length - 1));
    if (verdict !== undefined) return { verdict, threads };
  }
}

test("both counts take turns, the candidate first", () => {
  const { threads } = play(1, 2, () => 10);
  expect(threads.join("")).toBe("222111222111222111");
});

test("more threads must save a tenth, fewer only what is no noise", () => {
  const took = (ms: number) => (threads: number) => (threads === 2 ? ms : 10);
  expect(play(1, 2, took(9.2)).verdict.better).toBe(false);
  expect(play(1, 2, took(8.9)).verdict.better).toBe(true);
  expect(play(3, 2, took(9.8)).verdict.better).toBe(false);
  expect(play(3, 2, took(9.6)).verdict.better).toBe(true);
});

test("one slow pass of either count decides nothing", () => {
  const outlierAt = (slow: number) => (threads: number, pass: number) => (pass === slow ? 30 : threads === 2 ? 8 : 10);
  expect(play(1, 2, outlierAt(1)).verdict.better).toBe(true);
  const noGainBut = (slow: number) => (_: number, pass: number) => (pass === slow ? 30 : 10);
  expect(play(1, 2, noGainBut(4)).verdict.better).toBe(false);
});

test("a slow candidate is given up when it has lost three usual passes, and what it lost is told", () => {
  expect(play(1, 2, (threads) => (threads === 2 ? 20 : 10))).toEqual({
    verdict: { better: false, lostMs: 30 },
    threads: [2, 2, 2],
  });
  expect(play(1, 2, () => 500)).toEqual({ verdict: { better: false, lostMs: 490 }, threads: [2] });
});

test("what the candidate gains makes up for what it loses", () => {
  const { verdict } = play(1, 2, (threads, pass) => (pass === 7 ? 35 : threads === 2 ? 5 : 10));
  expect(verdict).toEqual({ better: true, lostMs: 25 - 8 * 5 });
});
