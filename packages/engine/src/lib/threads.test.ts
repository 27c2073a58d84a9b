import { describe, expect, test } from "vitest";
import { lostMs, runPasses, threadsOf, type SimulatedPass } from "../testing/simulated-passes.ts";
import { createThreadGovernor } from "./threads.ts";

const scaling = (threads: number): number => 24 / threads;
/** One core is wanted elsewhere: whoever needs all of them waits for time slices. */
const oneCoreTaken = (cores: number) => (threads: number) => (threads >= cores ? 200 : scaling(threads));
const changesOf = (passes: readonly SimulatedPass[]) => passes.flatMap(({ change }) => change ?? []);

describe("at first", () => {
  test("it takes what it is given, within what there is", () => {
    expect(createThreadGovernor({ start: 3, max: 8 }).threadsFor(8)).toBe(3);
    expect(createThreadGovernor({ start: 12, max: 8 }).threadsFor(8)).toBe(8);
    expect(createThreadGovernor({ start: 0, max: 1 }).threadsFor(8)).toBe(1);
  });

  test("one core is no choice", () => {
    const governor = createThreadGovernor({ start: 1, max: 1 });
    const passes = runPasses(governor, 500, (_, pass) => (pass % 50 === 49 ? 500 : 5));
    expect(new Set(threadsOf(passes))).toEqual(new Set([1]));
  });
});

describe("each size of passes", () => {
  test("comes to more threads than it started with where they are faster, and stays there", () => {
    const governor = createThreadGovernor({ start: 1, max: 2 });
    const passes = runPasses(governor, 30, scaling);
    expect(changesOf(passes)).toEqual([{ kind: "chose", threads: 2, before: 1 }]);
    const later = runPasses(governor, 5_000, scaling);
    expect(threadsOf(later).filter((threads) => threads !== 2).length).toBeLessThan(50);
    expect(changesOf(later)).toEqual([]);
  });

  test("stays where it is when more are not clearly faster, and tries ever more rarely", () => {
    const governor = createThreadGovernor({ start: 1, max: 2 });
    const tries = (passes: number): number =>
      threadsOf(runPasses(governor, passes, (threads) => (threads === 2 ? 9.5 : 10))).filter((count) => count === 2)
        .length;
    const early = tries(2_000);
    expect(early).toBeGreaterThan(20);
    expect(tries(2_000)).toBeLessThan(early / 3);
    expect(governor.threadsFor(8)).toBe(1);
  });

  test("has its own count", () => {
    const governor = createThreadGovernor({ start: 1, max: 2 });
    const narrow = (threads: number): number => (threads === 2 ? 8 : 1);
    for (let i = 0; i < 100; i += 1) {
      runPasses(governor, 3, narrow, 1);
      runPasses(governor, 1, scaling, 8);
    }
    expect([governor.threadsFor(1), governor.threadsFor(8)]).toEqual([1, 2]);
  });

  test("comes to fewer threads where they are faster", () => {
    const governor = createThreadGovernor({ start: 7, max: 8 });
    runPasses(governor, 500, (threads) => 10 + threads);
    expect(governor.threadsFor(8)).toBe(1);
  });

  test("begins with what smaller ones gained from", () => {
    const governor = createThreadGovernor({ start: 1, max: 2 });
    runPasses(governor, 30, scaling, 8);
    expect([governor.threadsFor(4), governor.threadsFor(128)]).toEqual([1, 2]);
  });
});

describe("a trial", () => {
  test("ends with the first pass that takes several times the usual", () => {
    const governor = createThreadGovernor({ start: 3, max: 4 });
    const passes = threadsOf(runPasses(governor, 60, oneCoreTaken(4)));
    expect(passes.filter((threads) => threads === 4)).toHaveLength(1);
  });

  test("that collapses is no collapse of what computes usually", () => {
    const governor = createThreadGovernor({ start: 3, max: 4 });
    expect(changesOf(runPasses(governor, 20_000, oneCoreTaken(4)))).toEqual([]);
  });

  test("that lost ages to one pass is repeated all the same", () => {
    const governor = createThreadGovernor({ start: 1, max: 2 });
    runPasses(governor, 20, (threads) => (threads === 2 ? 1e9 : 10));
    expect(changesOf(runPasses(governor, 9_000, (threads) => (threads === 2 ? 6 : 10)))).toHaveLength(1);
  });

  test("that lost time makes those of other sizes wait", () => {
    const governor = createThreadGovernor({ start: 1, max: 2 });
    const collapsing = (threads: number): number => (threads === 2 ? 500 : 10);
    expect(threadsOf(runPasses(governor, 9, collapsing, 1))).toContain(2);
    expect(threadsOf(runPasses(governor, 350, collapsing, 8))).not.toContain(2);
    expect(threadsOf(runPasses(governor, 100, collapsing, 8))).toContain(2);
  });

  test("costs a few usual passes where the count is slower by less", () => {
    const governor = createThreadGovernor({ start: 1, max: 2 });
    const passes = runPasses(governor, 40, (threads) => (threads === 2 ? 16 : 10));
    expect(lostMs(passes, 10)).toBeLessThanOrEqual(40);
  });

  test("does not take a growing context for the count's fault, or a shrinking one for its merit", () => {
    for (const drift of [1.02, 1 / 1.02]) {
      const governor = createThreadGovernor({ start: 1, max: 2 });
      let ms = 10;
      const passes = runPasses(governor, 60, (threads) => {
        ms *= drift;
        return threads === 2 ? ms * 0.97 : ms;
      });
      expect(changesOf(passes)).toEqual([]);
    }
  });

  test("comes early when conditions have changed", () => {
    const governor = createThreadGovernor({ start: 1, max: 2 });
    runPasses(governor, 6_000, () => 10);
    expect(threadsOf(runPasses(governor, 60, () => 10))).not.toContain(2);
    const passes = runPasses(governor, 60, (threads) => (threads === 2 ? 3 : 6));
    expect(changesOf(passes)).toEqual([{ kind: "chose", threads: 2, before: 1 }]);
  });

  test("looks for fewer threads first when passes became slower, and for more when they became faster", () => {
    for (const [factor, tried] of [
      [2, 3],
      [0.5, 6],
    ] as const) {
      const governor = createThreadGovernor({ start: 4, max: 8 });
      runPasses(governor, 8_000, () => 10);
      const others = threadsOf(runPasses(governor, 60, () => 10 * factor)).filter((threads) => threads !== 4);
      expect(others[0]).toBe(tried);
    }
  });
});

describe("a collapse", () => {
  /** On the best count of four, with a usual time well known. */
  function settledOnFour() {
    const governor = createThreadGovernor({ start: 4, max: 4 });
    runPasses(governor, 200, scaling);
    expect(governor.threadsFor(8)).toBe(4);
    return governor;
  }

  test("is not a single outlier", () => {
    const governor = createThreadGovernor({ start: 4, max: 4 });
    runPasses(governor, 7, scaling);
    runPasses(governor, 2, () => 500);
    expect(changesOf(runPasses(governor, 60, scaling))).toEqual([]);
    expect(governor.threadsFor(8)).toBe(4);
  });

  test("is not a growing context or a larger batch", () => {
    const governor = settledOnFour();
    let ms = 6;
    const passes = runPasses(governor, 8_000, (threads) => ((ms *= 1.0003) * 4) / threads);
    expect(changesOf(passes)).toEqual([]);
    expect(changesOf(runPasses(governor, 50, (threads) => 4_000 / threads, 128))).toEqual([]);
  });

  test("costs three passes, and moves no further than it has to", () => {
    const governor = settledOnFour();
    const passes = runPasses(governor, 100, oneCoreTaken(4));
    expect(threadsOf(passes).slice(0, 5)).toEqual([4, 4, 4, 3, 3]);
    expect(changesOf(passes)).toEqual([{ kind: "fell", threads: 3, before: 4 }]);
  });

  test("is answered before anything is tried", () => {
    const governor = createThreadGovernor({ start: 4, max: 4 });
    runPasses(governor, 7, scaling);
    expect(threadsOf(runPasses(governor, 4, oneCoreTaken(4)))).toEqual([4, 4, 4, 3]);
  });

  test("moves every size with that many threads, and those to come", () => {
    const governor = settledOnFour();
    runPasses(governor, 200, scaling, 1);
    runPasses(governor, 3, oneCoreTaken(4));
    expect([1, 8, 64].map((tokens) => governor.threadsFor(tokens))).toEqual([3, 3, 3]);
  });

  test("is seen among good passes of another size with fewer threads", () => {
    const governor = createThreadGovernor({ start: 1, max: 2 });
    const narrow = (threads: number): number => (threads === 2 ? 8 : 1);
    runPasses(governor, 30, scaling, 8);
    runPasses(governor, 30, narrow, 1);
    let fell = 0;
    for (let i = 0; i < 3; i += 1) {
      runPasses(governor, 1, narrow, 1);
      fell += changesOf(runPasses(governor, 1, oneCoreTaken(2), 8)).length;
    }
    expect(fell).toBe(1);
  });

  test("goes on down to one thread while fewer collapse as well", () => {
    const governor = createThreadGovernor({ start: 8, max: 8 });
    runPasses(governor, 7, scaling);
    expect(threadsOf(runPasses(governor, 16, (threads) => scaling(threads) * (threads > 1 ? 5 : 1))).at(-1)).toBe(1);
  });

  test("does not make slow what merely has fewer threads", () => {
    const governor = createThreadGovernor({ start: 16, max: 16 });
    runPasses(governor, 8, scaling);
    expect(threadsOf(runPasses(governor, 40, oneCoreTaken(3))).at(-1)).toBe(2);
    const growing = (threads: number, pass: number): number => oneCoreTaken(3)(threads) * 1.001 ** pass;
    expect(changesOf(runPasses(governor, 2_500, growing))).toEqual([]);
  });

  test("is no nearer after the last one is over", () => {
    const governor = settledOnFour();
    runPasses(governor, 3, oneCoreTaken(4));
    while (changesOf(runPasses(governor, 1, scaling)).length === 0);
    expect(governor.threadsFor(8)).toBe(4);
    runPasses(governor, 1, () => 500);
    expect(governor.threadsFor(8)).toBe(4);
  });

  test("is over once the core is free", () => {
    const governor = settledOnFour();
    runPasses(governor, 10, oneCoreTaken(4));
    const passes = runPasses(governor, 1_500, scaling);
    expect(changesOf(passes)).toEqual([{ kind: "recovered", threads: 4, before: 3 }]);
    expect(governor.threadsFor(8)).toBe(4);
  });

  test("that goes on is looked at ever more rarely", () => {
    const governor = settledOnFour();
    const tries = (): number =>
      threadsOf(runPasses(governor, 20_000, oneCoreTaken(4))).filter((threads) => threads === 4).length;
    const early = tries();
    expect(early).toBeGreaterThan(4);
    expect(tries()).toBeLessThan(early);
  });

  test("that comes again and again makes recovering rarer", () => {
    const governor = settledOnFour();
    const restless = (threads: number, pass: number): number =>
      Math.floor(pass / 1_000) % 2 === 0 ? oneCoreTaken(4)(threads) : scaling(threads);
    const falls = (): number =>
      changesOf(runPasses(governor, 30_000, restless)).filter(({ kind }) => kind === "fell").length;
    const early = falls();
    expect(early).toBeGreaterThan(1);
    expect(falls()).toBeLessThan(early);
  });

  test("is forgotten by the next one when the time between was long", () => {
    const governor = settledOnFour();
    const waits = [1, 2, 3].map(() => {
      runPasses(governor, 3, oneCoreTaken(4));
      const passes = runPasses(governor, 30_000, scaling);
      return passes.findIndex(({ change }) => change?.kind === "recovered");
    });
    expect(Math.max(...waits)).toBeLessThan(1.5 * Math.min(...waits));
  });
});
