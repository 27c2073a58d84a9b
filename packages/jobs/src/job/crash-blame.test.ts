import { describe, expect, test } from "vitest";
import type { Job, JobState } from "./job.ts";
import { createSuspectWaits, hasUsedUpCrashes, lossesAfter, mayStartWith } from "./crash-blame.ts";

const job = (enginesLost: number, hasNewOutput = false) => ({ state: { enginesLost, hasNewOutput } as JobState });

describe("a job", () => {
  test("that is no suspect starts while other jobs run", () => {
    expect(mayStartWith(job(0), [job(0), job(0, true)])).toBe(true);
  });

  test("does not start while a suspect without output runs", () => {
    for (const others of [[job(1)], [job(0, true), job(2)]]) expect(mayStartWith(job(0), others)).toBe(false);
  });

  test("that lost one engine starts when all running jobs have output", () => {
    expect(mayStartWith(job(1), [job(0, true), job(0)])).toBe(false);
    expect(mayStartWith(job(1), [job(0, true)])).toBe(true);
    expect(mayStartWith(job(1), [])).toBe(true);
  });

  test("that lost two engines starts alone, and ends after a third loss", () => {
    expect(mayStartWith(job(2), [job(0, true)])).toBe(false);
    expect(mayStartWith(job(2), [])).toBe(true);
    expect([1, 2, 3].map(hasUsedUpCrashes)).toEqual([false, false, true]);
  });

  test("counts the lost engines in a row, from 0 again after output", () => {
    expect(lossesAfter(job(1).state)).toBe(2);
    expect(lossesAfter(job(0, true).state)).toBe(0);
  });
});

test("a suspect waits at most ten seconds to run alone, counted from the call of `waits`", () => {
  let now = 0;
  const waits = createSuspectWaits(() => now);
  const [suspect, other] = [job(2) as Job, job(0, true) as Job];
  expect(waits.mayStart(suspect, [other])).toBe(false);
  now = 20_000;
  expect(waits.mayStart(suspect, [other])).toBe(false);
  waits.waits(suspect);
  now = 29_999;
  waits.waits(suspect);
  expect(waits.mayStart(suspect, [other])).toBe(false);
  now = 30_000;
  expect(waits.mayStart(suspect, [other])).toBe(true);
  waits.starts(suspect);
  expect(waits.mayStart(suspect, [other])).toBe(false);
});
