import { describe, expect, test } from "vitest";
import {
  lostMs,
  pacingWith,
  runPasses,
  threadsFor,
  threadsOf,
  usualThreads,
  type SimulatedPass,
} from "../testing/simulated-passes.ts";
import type { ThreadLimits } from "./threads.ts";

const scaling = (threads: number): number => 24 / threads;
/** Another process needs a core, so a pass that uses all cores waits for time slices. */
const oneCoreTaken = (cores: number) => (threads: number) => (threads >= cores ? 200 : scaling(threads));
const changesOf = (passes: readonly SimulatedPass[]) => passes.flatMap(({ change }) => change ?? []);

describe("at the start", () => {
  test("the number of threads is the given one, within the limits", () => {
    expect(threadsFor(pacingWith({ start: 3, max: 8 }), 8)).toBe(3);
    expect(threadsFor(pacingWith({ start: 12, max: 8 }), 8)).toBe(8);
    expect(threadsFor(pacingWith({ start: 0, max: 1 }), 8)).toBe(1);
  });

  test("with one core there is always one thread", () => {
    const pacing = pacingWith({ start: 1, max: 1 });
    const passes = runPasses(pacing, 500, (_, pass) => (pass % 50 === 49 ? 500 : 5));
    expect(new Set(threadsOf(passes))).toEqual(new Set([1]));
  });
});

describe("more threads", () => {
  const triedWith = (freeCores: number, { start, max }: ThreadLimits): number => {
    const pacing = pacingWith({ start, max });
    pacing.recordFreeCores(freeCores);
    return Math.max(...threadsOf(runPasses(pacing, 20, scaling)));
  };

  test("are tried when five measurements in a row show a free core", () => {
    const pacing = pacingWith({ start: 1, max: 2 });
    pacing.recordFreeCores(1);
    expect(new Set(threadsOf(runPasses(pacing, 500, scaling)))).toEqual(new Set([1]));
    for (let second = 0; second < 4; second++) pacing.recordFreeCores(1.8);
    expect(new Set(threadsOf(runPasses(pacing, 500, scaling)))).toEqual(new Set([1]));
    pacing.recordFreeCores(1.8);
    expect(changesOf(runPasses(pacing, 50, scaling))).toEqual([{ kind: "chose", threads: 2, before: 1 }]);
  });

  test("need 0.7 free cores each", () => {
    const tried = (freeCores: number): number => triedWith(freeCores, { start: 4, max: 6 });
    expect([tried(5.3), tried(5.4)]).toEqual([4, 6]);
  });

  test("are kept when their core is busy, and fewer threads are still tried", () => {
    const pacing = pacingWith({ start: 2, max: 2 });
    pacing.recordFreeCores(1);
    const passes = runPasses(pacing, 500, scaling);
    expect([threadsOf(passes).includes(1), usualThreads(passes)]).toEqual([true, 2]);
    expect(usualThreads(runPasses(pacing, 500, (threads) => 10 * threads))).toBe(1);
  });
});

describe("each size of passes", () => {
  test("gets more threads when they are faster, and keeps them", () => {
    const pacing = pacingWith({ start: 1, max: 2 });
    const passes = runPasses(pacing, 30, scaling);
    expect(changesOf(passes)).toEqual([{ kind: "chose", threads: 2, before: 1 }]);
    const later = runPasses(pacing, 5_000, scaling);
    expect(threadsOf(later).filter((threads) => threads !== 2).length).toBeLessThan(50);
    expect(changesOf(later)).toEqual([]);
  });

  test("keeps its threads when more are not clearly faster, with trials that become rarer", () => {
    const pacing = pacingWith({ start: 1, max: 2 });
    const tries = (passes: number): number =>
      threadsOf(runPasses(pacing, passes, (threads) => (threads === 2 ? 9.5 : 10))).filter((count) => count === 2)
        .length;
    const early = tries(2_000);
    expect(early).toBeGreaterThan(20);
    expect(tries(2_000)).toBeLessThan(early / 3);
    expect(threadsFor(pacing, 8)).toBe(1);
  });

  test("has a separate number of threads", () => {
    const pacing = pacingWith({ start: 1, max: 2 });
    const narrow = (threads: number): number => (threads === 2 ? 8 : 1);
    for (let i = 0; i < 100; i += 1) {
      runPasses(pacing, 3, narrow, 1);
      runPasses(pacing, 1, scaling, 8);
    }
    expect([threadsFor(pacing, 1), threadsFor(pacing, 8)]).toEqual([1, 2]);
  });

  test("gets fewer threads when they are faster", () => {
    const pacing = pacingWith({ start: 7, max: 8 });
    runPasses(pacing, 500, (threads) => 10 + threads);
    expect(threadsFor(pacing, 8)).toBe(1);
  });

  test("begins with the highest number of threads that smaller passes settled on", () => {
    const pacing = pacingWith({ start: 1, max: 2 });
    runPasses(pacing, 30, scaling, 8);
    expect([threadsFor(pacing, 4), threadsFor(pacing, 128)]).toEqual([1, 2]);
  });
});

describe("a trial", () => {
  test("ends with the first pass that takes several times the usual time", () => {
    const pacing = pacingWith({ start: 3, max: 4 });
    const passes = threadsOf(runPasses(pacing, 60, oneCoreTaken(4)));
    expect(passes.filter((threads) => threads === 4)).toHaveLength(1);
  });

  test("that collapses does not lower the settled number of threads", () => {
    const pacing = pacingWith({ start: 3, max: 4 });
    expect(changesOf(runPasses(pacing, 20_000, oneCoreTaken(4)))).toEqual([]);
  });

  test("that lost much time in one pass is repeated later", () => {
    const pacing = pacingWith({ start: 1, max: 2 });
    runPasses(pacing, 20, (threads) => (threads === 2 ? 1e9 : 10));
    expect(changesOf(runPasses(pacing, 9_000, (threads) => (threads === 2 ? 6 : 10)))).toHaveLength(1);
  });

  test("that lost time delays trials of other sizes", () => {
    const pacing = pacingWith({ start: 1, max: 2 });
    const collapsing = (threads: number): number => (threads === 2 ? 500 : 10);
    expect(threadsOf(runPasses(pacing, 9, collapsing, 1))).toContain(2);
    expect(threadsOf(runPasses(pacing, 350, collapsing, 8))).not.toContain(2);
    expect(threadsOf(runPasses(pacing, 100, collapsing, 8))).toContain(2);
  });

  test("loses at most four usual passes when the candidate is slower by 60 %", () => {
    const pacing = pacingWith({ start: 1, max: 2 });
    const passes = runPasses(pacing, 40, (threads) => (threads === 2 ? 16 : 10));
    expect(lostMs(passes, 10)).toBeLessThanOrEqual(40);
  });

  test("does not mistake a growing or shrinking context for an effect of threads", () => {
    for (const drift of [1.02, 1 / 1.02]) {
      const pacing = pacingWith({ start: 1, max: 2 });
      let ms = 10;
      const passes = runPasses(pacing, 60, (threads) => {
        ms *= drift;
        return threads === 2 ? ms * 0.97 : ms;
      });
      expect(changesOf(passes)).toEqual([]);
    }
  });

  test("comes earlier when the time of usual passes has changed", () => {
    const pacing = pacingWith({ start: 1, max: 2 });
    runPasses(pacing, 6_000, () => 10);
    expect(threadsOf(runPasses(pacing, 60, () => 10))).not.toContain(2);
    const passes = runPasses(pacing, 60, (threads) => (threads === 2 ? 3 : 6));
    expect(changesOf(passes)).toEqual([{ kind: "chose", threads: 2, before: 1 }]);
  });

  test("is of fewer threads when passes became slower, and of more when they became faster", () => {
    for (const [factor, tried] of [
      [2, 3],
      [0.5, 6],
    ] as const) {
      const pacing = pacingWith({ start: 4, max: 8 });
      runPasses(pacing, 8_000, () => 10);
      const others = threadsOf(runPasses(pacing, 60, () => 10 * factor)).filter((threads) => threads !== 4);
      expect(others[0]).toBe(tried);
    }
  });
});

describe("a collapse", () => {
  /** Creates a pacing that has settled on four threads. */
  function settledOnFour() {
    const pacing = pacingWith({ start: 4, max: 4 });
    runPasses(pacing, 200, scaling);
    expect(threadsFor(pacing, 8)).toBe(4);
    return pacing;
  }

  test("needs more than two slow passes", () => {
    const pacing = pacingWith({ start: 4, max: 4 });
    runPasses(pacing, 7, scaling);
    runPasses(pacing, 2, () => 500);
    expect(changesOf(runPasses(pacing, 60, scaling))).toEqual([]);
    expect(threadsFor(pacing, 8)).toBe(4);
  });

  test("is not caused by a growing context or a larger batch", () => {
    const pacing = settledOnFour();
    let ms = 6;
    const passes = runPasses(pacing, 8_000, (threads) => ((ms *= 1.0003) * 4) / threads);
    expect(changesOf(passes)).toEqual([]);
    expect(changesOf(runPasses(pacing, 50, (threads) => 4_000 / threads, 128))).toEqual([]);
  });

  test("takes three passes, and lowers the number of threads by one step", () => {
    const pacing = settledOnFour();
    const passes = runPasses(pacing, 100, oneCoreTaken(4));
    expect(threadsOf(passes).slice(0, 5)).toEqual([4, 4, 4, 3, 3]);
    expect(changesOf(passes)).toEqual([{ kind: "fell", threads: 3, before: 4 }]);
  });

  test("has its effect before any trial", () => {
    const pacing = pacingWith({ start: 4, max: 4 });
    runPasses(pacing, 7, scaling);
    expect(threadsOf(runPasses(pacing, 4, oneCoreTaken(4)))).toEqual([4, 4, 4, 3]);
  });

  test("lowers the threads of every size of passes, and of sizes that come later", () => {
    const pacing = settledOnFour();
    runPasses(pacing, 200, scaling, 1);
    runPasses(pacing, 3, oneCoreTaken(4));
    expect([1, 8, 64].map((tokens) => threadsFor(pacing, tokens))).toEqual([3, 3, 3]);
  });

  test("is detected between good passes of another size with fewer threads", () => {
    const pacing = pacingWith({ start: 1, max: 2 });
    const narrow = (threads: number): number => (threads === 2 ? 8 : 1);
    runPasses(pacing, 30, scaling, 8);
    runPasses(pacing, 30, narrow, 1);
    let fell = 0;
    for (let i = 0; i < 3; i += 1) {
      runPasses(pacing, 1, narrow, 1);
      fell += changesOf(runPasses(pacing, 1, oneCoreTaken(2), 8)).length;
    }
    expect(fell).toBe(1);
  });

  test("lowers the threads down to one while fewer threads collapse as well", () => {
    const pacing = pacingWith({ start: 8, max: 8 });
    runPasses(pacing, 7, scaling);
    expect(threadsOf(runPasses(pacing, 16, (threads) => scaling(threads) * (threads > 1 ? 5 : 1))).at(-1)).toBe(1);
  });

  test("is not seen in passes that are slower because of fewer threads", () => {
    const pacing = pacingWith({ start: 16, max: 16 });
    runPasses(pacing, 8, scaling);
    expect(threadsOf(runPasses(pacing, 40, oneCoreTaken(3))).at(-1)).toBe(2);
    const growing = (threads: number, pass: number): number => oneCoreTaken(3)(threads) * 1.001 ** pass;
    expect(changesOf(runPasses(pacing, 2_500, growing))).toEqual([]);
  });

  test("again needs three slow passes after a recovery", () => {
    const pacing = settledOnFour();
    runPasses(pacing, 3, oneCoreTaken(4));
    while (changesOf(runPasses(pacing, 1, scaling)).length === 0);
    expect(threadsFor(pacing, 8)).toBe(4);
    runPasses(pacing, 1, () => 500);
    expect(threadsFor(pacing, 8)).toBe(4);
  });

  test("ends with a recovery once the core is free", () => {
    const pacing = settledOnFour();
    runPasses(pacing, 10, oneCoreTaken(4));
    const passes = runPasses(pacing, 1_500, scaling);
    expect(changesOf(passes)).toEqual([{ kind: "recovered", threads: 4, before: 3 }]);
    expect(threadsFor(pacing, 8)).toBe(4);
  });

  test("that continues has trials of more threads that become rarer", () => {
    const pacing = settledOnFour();
    const tries = (): number =>
      threadsOf(runPasses(pacing, 20_000, oneCoreTaken(4))).filter((threads) => threads === 4).length;
    const early = tries();
    expect(early).toBeGreaterThan(4);
    expect(tries()).toBeLessThan(early);
  });

  test("that returns again and again makes recoveries rarer", () => {
    const pacing = settledOnFour();
    const restless = (threads: number, pass: number): number =>
      Math.floor(pass / 1_000) % 2 === 0 ? oneCoreTaken(4)(threads) : scaling(threads);
    const falls = (): number =>
      changesOf(runPasses(pacing, 30_000, restless)).filter(({ kind }) => kind === "fell").length;
    const early = falls();
    expect(early).toBeGreaterThan(1);
    expect(falls()).toBeLessThan(early);
  });

  test("does not delay the recovery from the next collapse when the time between was long", () => {
    const pacing = settledOnFour();
    const waits = [1, 2, 3].map(() => {
      runPasses(pacing, 3, oneCoreTaken(4));
      const passes = runPasses(pacing, 30_000, scaling);
      return passes.findIndex(({ change }) => change?.kind === "recovered");
    });
    expect(Math.max(...waits)).toBeLessThan(1.5 * Math.min(...waits));
  });
});
