import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { countTokens, schedule, shareBudget, type SchedulableSlot } from "./schedule.ts";

const limits = { batchSize: 512, prefillBudget: 128, prefillBudgetIdle: 512 };
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

const idle = (id: number): SchedulableSlot => ({ id, state: "idle", prompt: [], cached: [1] });
const decoding = (id: number): SchedulableSlot => ({ id, state: "decoding", prompt: [1], cached: [1] });
const prefilling = (id: number, length: number, done = 0): SchedulableSlot => ({
  id,
  state: "prefilling",
  prompt: range(length),
  cached: range(done),
});

function widths(slots: readonly SchedulableSlot[], turn = 0): string[] {
  return schedule(slots, limits, turn).map((row) =>
    row.kind === "decode" ? `${row.slot}:1` : `${row.slot}:${row.tokens.length}${row.sample ? "!" : ""}`,
  );
}

describe("schedule", () => {
  test("plans nothing for idle and releasing slots", () => {
    expect(schedule([idle(0), { ...decoding(1), state: "releasing" }], limits, 0)).toEqual([]);
  });

  test("puts all decoding slots and one chunk of a long prompt into one step, in slot order", () => {
    expect(widths([decoding(0), decoding(1), prefilling(2, 2000), decoding(3)])).toEqual([
      "0:1",
      "1:1",
      "2:128",
      "3:1",
    ]);
  });

  test("spends more on prompts while nobody decodes", () => {
    expect(widths([idle(0), prefilling(1, 2000)])).toEqual(["1:512"]);
  });

  test("goes on where the cache ends and samples with the last prompt token", () => {
    const [row] = schedule([prefilling(0, 10, 7)], limits, 0);
    expect(row).toEqual({ kind: "prefill", slot: 0, tokens: [7, 8, 9], sample: true });
  });

  test("shares the budget evenly and gives a short prompt's rest to the others", () => {
    expect(widths([decoding(0), prefilling(1, 1000), prefilling(2, 28), prefilling(3, 1000)])).toEqual([
      "0:1",
      "1:50",
      "2:28!",
      "3:50",
    ]);
  });

  test("holds what decodes first when the batch is small", () => {
    const small = { batchSize: 4, prefillBudget: 128, prefillBudgetIdle: 512 };
    const rows = schedule([decoding(0), prefilling(1, 9), decoding(2), decoding(3)], small, 0);
    expect(rows.map((row) => row.slot)).toEqual([0, 1, 2, 3]);
    expect(countTokens(rows)).toBe(4);
  });

  test("any slots: ascending, within the batch, every decoding slot, and nobody's prompt out of order", () => {
    const anySlot = fc.oneof(
      fc.constant({ state: "idle" as const, length: 1, done: 0 }),
      fc.constant({ state: "decoding" as const, length: 1, done: 1 }),
      fc.record({
        state: fc.constant("prefilling" as const),
        length: fc.integer({ min: 1, max: 60 }),
        done: fc.nat(59),
      }),
    );
    fc.assert(
      fc.property(
        fc.array(anySlot, { minLength: 1, maxLength: 12 }),
        fc.record({
          batchSize: fc.integer({ min: 12, max: 64 }),
          prefillBudget: fc.integer({ min: 1, max: 64 }),
          prefillBudgetIdle: fc.integer({ min: 1, max: 64 }),
        }),
        fc.nat(100),
        (drawn, drawnLimits, turn) => {
          const slots: SchedulableSlot[] = drawn.map(({ state, length, done }, id) => ({
            id,
            state,
            prompt: range(length),
            cached: range(Math.min(done, length - 1)),
          }));
          const rows = schedule(slots, drawnLimits, turn);
          const ids = rows.map((row) => row.slot);
          expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b));
          expect(countTokens(rows)).toBeLessThanOrEqual(drawnLimits.batchSize);
          const decodes = rows.filter((row) => row.kind === "decode").map((row) => row.slot);
          expect(decodes).toEqual(slots.filter(({ state }) => state === "decoding").map(({ id }) => id));
          const budget = decodes.length === 0 ? drawnLimits.prefillBudgetIdle : drawnLimits.prefillBudget;
          expect(countTokens(rows) - decodes.length).toBeLessThanOrEqual(budget);
          expect(rows.length > 0).toBe(slots.some(({ state }) => state !== "idle"));
          for (const row of rows) {
            if (row.kind === "decode") continue;
            const { prompt, cached } = slots[row.slot] ?? idle(0);
            expect(row.tokens).toEqual(prompt.slice(cached.length, cached.length + row.tokens.length));
            expect(row.sample).toBe(cached.length + row.tokens.length === prompt.length);
          }
        },
      ),
    );
  });
});

describe("shareBudget", () => {
  test("gives nobody more than they want and wastes nothing", () => {
    fc.assert(
      fc.property(fc.nat(200), fc.array(fc.nat(60), { maxLength: 12 }), fc.nat(20), (budget, wants, turn) => {
        const shares = shareBudget(budget, wants, turn);
        const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
        expect(sum(shares)).toBe(Math.min(budget, sum(wants)));
        shares.forEach((share, i) => expect(share).toBeLessThanOrEqual(wants[i] ?? 0));
        const most = Math.max(0, ...shares);
        shares.forEach((share, i) => {
          if (share < (wants[i] ?? 0)) expect(share).toBeGreaterThanOrEqual(most - 1);
        });
      }),
    );
  });

  test("lets a budget smaller than the number of prompts go round", () => {
    const totals = [0, 0, 0, 0, 0];
    for (let turn = 0; turn < 10; turn++) {
      shareBudget(2, [9, 9, 9, 9, 9], turn).forEach((share, i) => {
        totals[i] = (totals[i] ?? 0) + share;
      });
    }
    expect(totals).toEqual([4, 4, 4, 4, 4]);
  });
});
