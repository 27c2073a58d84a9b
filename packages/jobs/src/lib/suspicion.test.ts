import { describe, expect, test } from "vitest";
import type { JobState } from "./job.ts";
import { isCondemned, lossesAfter, mayBeginBeside } from "./suspicion.ts";

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
