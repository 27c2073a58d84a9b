import { describe, expect, test } from "vitest";
import type { JobState } from "./job.ts";
import { hasUsedUpCrashes, lossesAfter, mayStartWith } from "./crash-blame.ts";

const job = (enginesLost: number, hasNewOutput = false) => ({ state: { enginesLost, hasNewOutput } as JobState });

describe("a job", () => {
  test("that is no suspect starts while other jobs run", () => {
    expect(mayStartWith(job(0), [job(0), job(0, true)], () => true)).toBe(true);
  });

  test("does not start while a suspect without output runs", () => {
    for (const others of [[job(1)], [job(0, true), job(1)]])
      expect(mayStartWith(job(0), others, () => true)).toBe(false);
  });

  test("starts with a suspect whose time alone is over, unless it is one too", () => {
    expect([job(0), job(1)].map((one) => mayStartWith(one, [job(1)], () => false))).toEqual([true, false]);
  });

  test("that lost one engine starts when all running jobs have output", () => {
    expect(mayStartWith(job(1), [job(0, true), job(0)], () => true)).toBe(false);
    expect(mayStartWith(job(1), [job(0, true)], () => true)).toBe(true);
    expect(mayStartWith(job(1), [], () => true)).toBe(true);
  });

  test("ends after it has lost two engines", () => {
    expect([0, 1, 2, 3].map(hasUsedUpCrashes)).toEqual([false, false, true, true]);
  });

  test("counts the lost engines in a row, from 0 again after output", () => {
    expect(lossesAfter(job(1).state)).toBe(2);
    expect(lossesAfter(job(0, true).state)).toBe(0);
  });
});
