import { describe, expect, test } from "vitest";
import type { Job, JobState } from "./job.ts";
import { createProbation, isCondemned, lossesAfter, mayBeginBeside } from "./suspicion.ts";

const job = (enginesLost: number, hasSpoken = false) => ({ state: { enginesLost, hasSpoken } as JobState });

describe("a job", () => {
  test("that is above suspicion begins beside all who are", () => {
    expect(mayBeginBeside(job(0), [job(0), job(0, true)])).toBe(true);
  });

  test("begins beside nobody who has lost an engine and said nothing since", () => {
    for (const others of [[job(1)], [job(0, true), job(2)]]) expect(mayBeginBeside(job(0), others)).toBe(false);
  });

  test("that has lost an engine begins when all others have spoken", () => {
    expect(mayBeginBeside(job(1), [job(0, true), job(0)])).toBe(false);
    expect(mayBeginBeside(job(1), [job(0, true)])).toBe(true);
    expect(mayBeginBeside(job(1), [])).toBe(true);
  });

  test("that has lost two begins when there is nobody else, and a third one ends it", () => {
    expect(mayBeginBeside(job(2), [job(0, true)])).toBe(false);
    expect(mayBeginBeside(job(2), [])).toBe(true);
    expect([1, 2, 3].map(isCondemned)).toEqual([false, false, true]);
  });

  test("loses engines in a row until one has heard something of it", () => {
    expect(lossesAfter(job(1).state)).toBe(2);
    expect(lossesAfter(job(0, true).state)).toBe(0);
  });
});

test("a suspect waits ten seconds to be alone, from the moment that it could have begun, and not from a question about it", () => {
  let now = 0;
  const probation = createProbation(() => now);
  const [suspect, other] = [job(2) as Job, job(0, true) as Job];
  expect(probation.mayBegin(suspect, [other])).toBe(false);
  now = 20_000;
  expect(probation.mayBegin(suspect, [other])).toBe(false);
  probation.waits(suspect);
  now = 29_999;
  probation.waits(suspect);
  expect(probation.mayBegin(suspect, [other])).toBe(false);
  now = 30_000;
  expect(probation.mayBegin(suspect, [other])).toBe(true);
  probation.begins(suspect);
  expect(probation.mayBegin(suspect, [other])).toBe(false);
});
