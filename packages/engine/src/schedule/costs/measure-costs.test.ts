import { describe, expect, test } from "vitest";
import { createFakeBackend } from "../../fake/fake-backend.ts";
import { measureStepCosts, threadsToMeasure } from "./measure-costs.ts";

/** Measures on a clock that only the measured steps move: a row takes 10 ms with one thread. */
async function measured(budgetMs: number, threads: readonly number[], startThreads = 2, contextSize = 256) {
  let ms = 0;
  let used = startThreads;
  const asked: string[] = [];
  const fake = createFakeBackend({
    slots: 8,
    contextSize,
    threads: startThreads,
    measure: async (rows, tokens) => {
      const stepMs = (10 * (rows + tokens)) / used;
      asked.push(`${rows + tokens}/${used}`);
      ms += stepMs;
      return stepMs;
    },
  });
  const backend = {
    ...fake,
    setThreads(count: number) {
      fake.setThreads(count);
      used = count;
    },
  };
  const costs = await measureStepCosts(backend, { budgetMs, threads, now: () => ms });
  return { costs, asked, used, ms };
}

describe("a measurement at the load", () => {
  test("begins with one, two and four rows, with one number of threads after the other, then a tile of a prompt", async () => {
    const { asked, costs } = await measured(10_000, [2, 1]);
    expect([...new Set(asked)].slice(0, 7)).toEqual(["1/2", "2/2", "4/2", "1/1", "2/1", "4/1", "64/2"]);
    expect(costs?.threads.map(({ threads, decode }) => [threads, decode[0]])).toEqual([
      [1, { rows: 1, ms: 10 }],
      [2, { rows: 1, ms: 5 }],
    ]);
  });

  test("takes no longer than its budget", async () => {
    for (const budgetMs of [30, 100, 400])
      expect((await measured(budgetMs, [2, 1])).ms).toBeLessThanOrEqual(1.5 * budgetMs);
  });

  test("measures no step that is longer than the context", async () => {
    const { asked, costs } = await measured(10_000, [1], 1, 64);
    expect(asked).not.toContain("64/1");
    expect(costs?.threads[0]?.decode.at(-1)?.rows).toBe(8);
    expect((await measured(10_000, [1], 1, 65)).asked).toContain("64/1");
  });

  test("begins with what context was measured to cost, alone", async () => {
    const context = { row_ms: 4, tile_ms: 1 };
    const fake = createFakeBackend({ slots: 1, contextSize: 256, measure: async () => 1 });
    const generator = fake.generator === undefined ? undefined : { ...fake.generator, contextCosts: context };
    const measuring = { budgetMs: 1_000, threads: [1], now: () => 0 };
    expect((await measureStepCosts({ ...fake, generator }, measuring))?.context).toEqual(context);
    expect((await measureStepCosts(fake, measuring))?.context).toEqual({ row_ms: 0, tile_ms: 0 });
  });

  test("leaves the number of threads as it was", async () => {
    expect((await measured(10_000, [2, 1])).used).toBe(2);
  });

  test("has no result without time for a step, or without a backend that measures", async () => {
    const backend = createFakeBackend({ slots: 1, contextSize: 64 });
    expect(await measureStepCosts(backend, { budgetMs: 1_000, threads: [1], now: () => 0 })).toBeUndefined();
    expect((await measured(-1, [1])).costs).toBeUndefined();
  });
});

test("threads are measured at the start, all, half of them and one", () => {
  expect(threadsToMeasure(15, 16)).toEqual([15, 16, 8, 1]);
  expect(threadsToMeasure(1, 2)).toEqual([1, 2]);
  expect(threadsToMeasure(1, 1)).toEqual([1]);
});
