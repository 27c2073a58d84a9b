import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createPrices } from "./prices.ts";
import type { StepShape } from "./step-shape.ts";
import { createThreadChoice, type ThreadChange, type ThreadLimits } from "./threads.ts";

const shapeWith = (rows: number): StepShape => ({ decode: [rows], prompt: [], rowContext: 0, tileContext: 0 });
const scaling = (threads: number): number => 24 / threads;

function stepsWith(limits: ThreadLimits, measured: Readonly<Record<number, number>> = {}) {
  const prices = createPrices();
  for (const [threads, ms] of Object.entries(measured)) prices.enter("decode", 1, Number(threads), ms);
  const choice = createThreadChoice(limits, prices);
  return {
    choice,
    prices,
    /** All cores are free for so many seconds. */
    free: (seconds: number) => Array.from({ length: seconds }, () => choice.recordFreeCores(limits.max)),
    /** Runs steps, and returns their numbers of threads and the changes. */
    run(count: number, ms: (threads: number) => number, rows = 1) {
      const [threads, changes]: [number[], ThreadChange[]] = [[], []];
      for (let i = 0; i < count; i++) {
        const used = choice.threadsFor(shapeWith(rows));
        threads.push(used);
        const price = prices.observe(shapeWith(rows), used, ms(used));
        const change = choice.observe(shapeWith(rows), used, ms(used), price);
        if (change !== undefined) changes.push(change);
      }
      return { threads, changes };
    },
  };
}

describe("the number of threads", () => {
  test("is the given one before anything was measured, within the limits", () => {
    const first = (limits: ThreadLimits): number => stepsWith(limits).choice.threadsFor(shapeWith(8));
    expect([first({ start: 3, max: 8 }), first({ start: 12, max: 8 }), first({ start: 0, max: 1 })]).toEqual([3, 8, 1]);
  });

  test("is the cheapest, and more threads must save a tenth", () => {
    const chosen = (measured: Readonly<Record<number, number>>): number => {
      const { choice, free } = stepsWith({ start: 1, max: 2 }, measured);
      free(5);
      return choice.threadsFor(shapeWith(1));
    };
    expect([chosen({ 1: 10, 2: 8 }), chosen({ 1: 10, 2: 9.5 }), chosen({ 1: 10, 2: 30 })]).toEqual([2, 1, 1]);
  });

  test("that was not measured is tried when perfect sharing would make it faster, and left when it is not", () => {
    const { free, run } = stepsWith({ start: 1, max: 2 }, { 1: 10 });
    free(5);
    const { threads } = run(200, (count) => (count === 2 ? 9.5 : 10));
    expect(threads).toContain(2);
    expect(threads.filter((count) => count === 2).length).toBeLessThan(20);
    expect(threads.at(-1)).toBe(1);
  });

  test("is tried again when a busy machine has spoiled its price", () => {
    const { free, run } = stepsWith({ start: 1, max: 2 }, { 1: 10, 2: 6 });
    free(5);
    run(20, (count) => (count === 2 ? 15 : 10));
    expect(new Set(run(400, (count) => (count === 2 ? 6 : 10)).threads)).toEqual(new Set([1]));
    expect(new Set(run(200, (count) => (count === 2 ? 6 : 10)).threads.slice(-80))).toEqual(new Set([2]));
  });

  test.each([8, 16, 32])("of %d that is tried again, and saves nothing, is no collapse", (max) => {
    const small = (threads: number): number => 2 + threads / 20;
    const { prices, free, run } = stepsWith({ start: max, max });
    for (const rows of [1, 2, 3, 4])
      for (const count of [1, max / 2, max]) prices.enter("decode", rows, count, small(count));
    free(40);
    const runs = Array.from({ length: 3_000 }, (_, i) => run(1, small, 1 + (i % 4)));
    const threads = runs.flatMap((each) => each.threads);
    expect(threads).toContain(max);
    expect(threads.filter((count) => count === 1).length).toBeGreaterThan(2_500);
    expect(runs.flatMap(({ changes }) => changes)).toEqual([]);
  });

  test("is not tried again for prompts because steps without them take fewer", () => {
    const { prices, free, run } = stepsWith({ start: 8, max: 8 }, { 1: 2 });
    const pieceMs = (threads: number): number => 64 / (1 + 0.3 * (threads - 1));
    for (const threads of [1, 2, 3, 4, 6, 8]) {
      prices.enter("decode", 1, threads, 2 + threads / 10);
      prices.enter("prompt", 64, threads, pieceMs(threads));
    }
    free(40);
    const { threads } = run(600, (count) => 2 + count / 10);
    expect(threads).toContain(8);
    expect(prices.ms({ ...shapeWith(1), decode: [], prompt: [64] }, 8)).toBe(pieceMs(8));
  });

  test("differs by the rows of the step", () => {
    const { prices, choice, free } = stepsWith({ start: 1, max: 2 }, { 1: 1, 2: 8 });
    prices.enter("decode", 8, 1, 40);
    prices.enter("decode", 8, 2, 22);
    free(5);
    expect([1, 8].map((rows) => choice.threadsFor(shapeWith(rows)))).toEqual([1, 2]);
  });

  test("is from 1 to the maximum, whatever steps take", () => {
    const time = fc.double({ min: 0.01, max: 10_000, noNaN: true });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 70 }),
        fc.integer({ min: 1, max: 70 }),
        fc.array(fc.record({ rows: fc.integer({ min: 1, max: 600 }), ms: time, free: time }), { maxLength: 200 }),
        (start, max, steps) => {
          const { choice, run } = stepsWith({ start, max });
          for (const { rows, ms, free } of steps) {
            const { threads } = run(1, () => ms, rows);
            expect(threads.every((count) => Number.isInteger(count) && count >= 1 && count <= max)).toBe(true);
            choice.recordFreeCores(free);
          }
        },
      ),
    );
  });
});

describe("free cores", () => {
  const measured = { 1: 10, 2: 5 };

  test("are needed in five measurements for more threads than at the start", () => {
    const { choice } = stepsWith({ start: 1, max: 2 }, measured);
    const chosen = [1.8, 1.8, 1.8, 1.8, 1.8].map((free) => {
      choice.recordFreeCores(free);
      return choice.threadsFor(shapeWith(1));
    });
    expect(chosen.at(-1)).toBe(2);
    const busy = stepsWith({ start: 1, max: 2 }, measured).choice;
    for (let second = 0; second < 9; second++) busy.recordFreeCores(1.6);
    expect(busy.threadsFor(shapeWith(1))).toBe(1);
  });

  test("that others need for three measurements take a thread away", () => {
    const { choice } = stepsWith({ start: 1, max: 2 }, measured);
    for (let second = 0; second < 5; second++) choice.recordFreeCores(2);
    const chosen = [0.9, 0.9, 0.9].map((free) => {
      choice.recordFreeCores(free);
      return choice.threadsFor(shapeWith(1));
    });
    expect(chosen).toEqual([2, 2, 1]);
  });
});

describe("a collapse", () => {
  const settled = () => {
    const steps = stepsWith({ start: 4, max: 4 }, { 4: 6, 3: 8, 2: 12, 1: 24 });
    expect(new Set(steps.run(20, scaling).threads)).toEqual(new Set([4]));
    return steps;
  };

  test("takes three steps, and lowers the number of threads by one", () => {
    const steps = stepsWith({ start: 2, max: 2 }, { 2: 5, 1: 10 });
    const { threads, changes } = steps.run(10, (count) => (count === 2 ? 200 : 10));
    expect(threads.slice(0, 5)).toEqual([2, 2, 2, 1, 1]);
    expect(changes).toEqual([{ kind: "fell", threads: 1, before: 2 }]);
  });

  test("is not caused by two slow steps, nor by a growing context", () => {
    const steps = settled();
    steps.run(2, () => 500);
    expect(steps.run(60, scaling).changes).toEqual([]);
    let ms = 6;
    expect(steps.run(4_000, (threads) => ((ms *= 1.0003) * 4) / threads).changes).toEqual([]);
  });

  test("lowers the threads of steps of every size, and ends when the cores have been free for some time", () => {
    const { choice, free, run } = stepsWith({ start: 2, max: 2 }, { 2: 5, 1: 10 });
    run(3, (count) => (count === 2 ? 200 : 10));
    expect([1, 8, 64].map((rows) => choice.threadsFor(shapeWith(rows)))).toEqual([1, 1, 1]);
    expect(free(29).filter((change) => change !== undefined)).toEqual([]);
    expect(run(10, scaling).threads.at(-1)).toBe(1);
    expect(free(1)).toEqual([{ kind: "recovered", threads: 2, before: 1 }]);
    expect(run(100, scaling).threads.at(-1)).toBe(2);
  });
});
