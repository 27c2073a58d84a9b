import { describe, expect, test } from "vitest";
import { createPacing } from "./pacing.ts";
import type { Pass } from "./pass-costs.ts";
import type { Load } from "./prefill-budget.ts";

type PrefillBudget = ReturnType<typeof createPrefillBudget>;

/** Creates a pacing with one thread, for tests of its limits for prompts. */
function createPrefillBudget(batchSize: number, fixed?: number) {
  const pacing = createPacing({ batchSize, threads: { start: 1, max: 1 }, prefillBudget: fixed });
  return {
    limits: (load: Load) => pacing.plan(load),
    tokens: (load: Load) => pacing.plan(load).prefillBudget,
    tokenMs: (tokens: number) => pacing.tokenMs(tokens),
    observe: (pass: Omit<Pass, "threads">) => pacing.observe({ ...pass, threads: 1 }),
  };
}

/** Records passes of a model that takes 100 ms for each decoding row and `tokenMs` for each prompt token. */
function observeModel(budget: PrefillBudget, tokenMs = 2): void {
  for (let pass = 0; pass < 5; pass++) {
    for (const rows of [1, 3]) budget.observe({ decodeRows: rows, tokens: rows, passMs: 100 * rows });
    budget.observe({ decodeRows: 3, tokens: 103, passMs: 300 + 100 * tokenMs });
  }
}

/** Returns how many usual steps a step with this many prompt tokens takes, in the model of `observeModel`. */
function stretch(tokens: number, decoding: number): number {
  return (100 * decoding + 2 * tokens) / (100 * decoding);
}

describe("the prefill budget", () => {
  test("is a fixed first guess before measurements", () => {
    const budget = createPrefillBudget(512);
    expect(budget.tokens({ decoding: 3, prefilling: 1 })).toBe(129);
    expect(budget.tokens({ decoding: 0, prefilling: 1 })).toBe(512);
  });

  test("lets a new prompt stretch a step to less than four usual steps", () => {
    const budget = createPrefillBudget(2048);
    observeModel(budget);
    const tokens = budget.tokens({ decoding: 3, prefilling: 1 });
    expect(stretch(tokens, 3)).toBeGreaterThan(2.2);
    // The rest of a prompt may exceed the budget by an eighth.
    expect(stretch(tokens * 1.125, 3)).toBeLessThanOrEqual(4);
  });

  test("is as large as without streams when as many jobs prefill as decode", () => {
    const budget = createPrefillBudget(2048);
    observeModel(budget, 20);
    const alone = budget.tokens({ decoding: 0, prefilling: 1 });
    expect(budget.tokens({ decoding: 3, prefilling: 2 })).toBeLessThan(alone);
    expect(budget.tokens({ decoding: 3, prefilling: 3 })).toBe(alone);
  });

  test("uses a lower bound for the time of a step with an unmeasured number of rows", () => {
    const budget = createPrefillBudget(2048);
    observeModel(budget);
    expect(budget.tokens({ decoding: 6, prefilling: 1 })).toBe(budget.tokens({ decoding: 3, prefilling: 1 }));
    expect(budget.tokens({ decoding: 2, prefilling: 1 })).toBe(2 * 64 + 1);
  });

  test("is a part of a tile where a tile takes too long, by the measured cost of such parts", () => {
    const budget = createPrefillBudget(512);
    observeModel(budget, 20);
    // 480 ms are allowed. Before a measurement, a token outside of a tile counts twice as much as a token in a tile.
    expect(budget.tokens({ decoding: 3, prefilling: 1 })).toBe(12);
    for (let pass = 0; pass < 5; pass++) budget.observe({ decodeRows: 3, tokens: 18, passMs: 300 + 15 * 25 });
    expect(budget.tokens({ decoding: 3, prefilling: 1 })).toBe(19);
    for (let pass = 0; pass < 9; pass++) budget.observe({ decodeRows: 3, tokens: 18, passMs: 300 + 15 * 300 });
    expect(budget.tokens({ decoding: 3, prefilling: 1 })).toBe(2);
  });

  test("is a whole tile where two tokens take longer than allowed, and a tile less than twice as long as two tokens", () => {
    const budget = createPrefillBudget(512);
    observeModel(budget, 20);
    // 480 ms are allowed. Two tokens take 660 ms, and a tile of 64 tokens takes 64 times 20 ms.
    for (let pass = 0; pass < 9; pass++) budget.observe({ decodeRows: 3, tokens: 18, passMs: 300 + 15 * 330 });
    expect(budget.limits({ decoding: 3, prefilling: 1 })).toMatchObject({ prefillBudget: 65, partTokens: 2 });
    expect(budget.limits({ decoding: 3, prefilling: 3 })).toMatchObject({ prefillBudget: 128, partTokens: Infinity });
    // Two tokens take 1,400 ms.
    for (let pass = 0; pass < 9; pass++) budget.observe({ decodeRows: 3, tokens: 18, passMs: 300 + 15 * 700 });
    expect(budget.tokens({ decoding: 3, prefilling: 1 })).toBe(65);
  });

  test("never exceeds the batch size", () => {
    const budget = createPrefillBudget(512);
    observeModel(budget, 0.1);
    expect(budget.tokens({ decoding: 3, prefilling: 1 })).toBe(512);
    expect(budget.tokens({ decoding: 1, prefilling: 9 })).toBe(512);
  });

  test("limits a step without streams to the time that a cancel may take", () => {
    const budget = createPrefillBudget(512);
    observeModel(budget);
    expect(budget.tokens({ decoding: 0, prefilling: 1 })).toBe(192);
  });

  test("ignores single outliers", () => {
    const budget = createPrefillBudget(512);
    observeModel(budget);
    const before = budget.tokens({ decoding: 3, prefilling: 1 });
    budget.observe({ decodeRows: 3, tokens: 3, passMs: 9_000 });
    budget.observe({ decodeRows: 3, tokens: 103, passMs: 40_000 });
    expect(budget.tokens({ decoding: 3, prefilling: 1 })).toBe(before);
  });

  test("follows passes that have become slower", () => {
    const budget = createPrefillBudget(512);
    observeModel(budget);
    for (let pass = 0; pass < 20; pass++) budget.observe({ decodeRows: 3, tokens: 103, passMs: 700 });
    expect(budget.tokenMs(64)).toBe(4);
  });

  test("has a separate cost for tokens of chunks smaller than a tile", () => {
    const budget = createPrefillBudget(512);
    expect(budget.tokenMs(8)).toBeUndefined();
    observeModel(budget);
    expect(budget.tokenMs(8)).toBe(4);
    for (let pass = 0; pass < 5; pass++) budget.observe({ decodeRows: 3, tokens: 18, passMs: 300 + 15 * 5 });
    expect(budget.tokenMs(63)).toBe(5);
    expect(budget.tokenMs(64)).toBe(2);
  });

  test("is the fixed number if there is one, whatever the times of passes are", () => {
    const budget = createPrefillBudget(512, 48);
    observeModel(budget);
    expect(budget.tokens({ decoding: 3, prefilling: 9 })).toBe(48);
    expect(budget.tokens({ decoding: 0, prefilling: 9 })).toBe(192);
    expect(createPrefillBudget(512, 4).tokens({ decoding: 0, prefilling: 1 })).toBe(64);
  });
});
