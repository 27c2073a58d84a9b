import { describe, expect, test } from "vitest";
import type { Job, JobState } from "./job.ts";
import { createSuspectWaits, hasUsedUpCrashes, lossesAfter, mayStartWith } from "./crash-blame.ts";

const job = (enginesLost: number, hasNewOutput = false) => ({ state: { enginesLost, hasNewOutput } as JobState });

describe("a job", () => {
  test("that is no suspect starts with other such jobs", () => {
    expect(mayStartWith(job(0), [job(0), job(0, true)])).toBe(true);
  });

  test("does not start with a suspect, which has lost an engine and has no output since", () => {
    for (const others of [[job(1)], [job(0, true), job(2)]]) expect(mayStartWith(job(0), others)).toBe(false);
  });

  test("that has lost an engine starts when all others have output", () => {
    expect(mayStartWith(job(1), [job(0, true), job(0)])).toBe(false);
    expect(mayStartWith(job(1), [job(0, true)])).toBe(true);
    expect(mayStartWith(job(1), [])).toBe(true);
  });

  test("that has lost two engines starts alone, and a third loss ends it", () => {
    expect(mayStartWith(job(2), [job(0, true)])).toBe(false);
    expect(mayStartWith(job(2), [])).toBe(true);
    expect([1, 2, 3].map(hasUsedUpCrashes)).toEqual([false, false, true]);
  });

  test("counts lost engines in a row until it has output", () => {
    expect(lossesAfter(job(1).state)).toBe(2);
    expect(lossesAfter(job(0, true).state)).toBe(0);
  });
});

test("a suspect waits ten seconds to be alone, counted from its turn and not from a question about it", () => {
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
