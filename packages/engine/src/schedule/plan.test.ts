import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createHeld } from "../sequence/held.ts";
import { countScored, countTokens, ageWaiting, schedule, type SchedulableSlot, type ScheduleLimits } from "./plan.ts";

const limits = { batchSize: 512, prefillBudget: 128, leastPiece: 8, scoredTokens: 512, divide: (run: number) => [run] };
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

const inSlot = {
  ...{ chunks: [], scores: false, agingTokens: 0, pending: undefined },
  sequence: { lastToken: 9, forced: undefined },
};
const idle = (id: number): SchedulableSlot => ({ id, state: "idle", prompt: [], held: createHeld([1]), ...inSlot });
const decoding = (id: number): SchedulableSlot => ({
  id,
  state: "decoding",
  prompt: [1],
  held: createHeld([1]),
  ...inSlot,
});
const prefilling = (id: number, length: number, done = 0): SchedulableSlot => ({
  id,
  state: "prefilling",
  prompt: range(length),
  held: createHeld(range(done)),
  ...inSlot,
});

/** The entries in the order of their slots. */
function widths(slots: readonly SchedulableSlot[], stepLimits: ScheduleLimits = limits): string[] {
  return ordered(slots, stepLimits).toSorted((a, b) => Number.parseInt(a) - Number.parseInt(b));
}

function ordered(slots: readonly SchedulableSlot[], stepLimits: ScheduleLimits = limits): string[] {
  return schedule(slots, stepLimits).map(({ slot, tokens, sample }) => {
    const endsPrompt = sample && slots.find(({ id }) => id === slot)?.state === "prefilling";
    return `${slot}:${tokens.length}${endsPrompt ? "!" : ""}`;
  });
}

describe("schedule", () => {
  test("returns no entries for idle and releasing slots", () => {
    expect(schedule([idle(0), { ...decoding(1), state: "releasing" }], limits)).toEqual([]);
  });

  test("returns entries for all decoding slots and one chunk of a long prompt, in slot order", () => {
    expect(widths([decoding(0), decoding(1), prefilling(2, 2000), decoding(3)])).toEqual([
      "0:1",
      "1:1",
      // The rest is whole tiles.
      "2:80",
      "3:1",
    ]);
  });

  test("continues a prompt where its cache ends, and samples with the last prompt token", () => {
    const [entry] = schedule([prefilling(0, 10, 7)], limits);
    expect(entry).toEqual({ slot: 0, from: 7, tokens: [7, 8, 9], sample: true });
  });

  test("computes the shortest prompts first, and part of the next one with the rest of the budget", () => {
    expect(widths([decoding(0), prefilling(1, 1000), prefilling(2, 28), prefilling(3, 40)])).toEqual([
      "0:1",
      "1:60",
      "2:28!",
      "3:40!",
    ]);
  });

  test("computes equal prompts one after the other, in slot order", () => {
    expect(widths([0, 1, 2, 3].map((id) => prefilling(id, 100)))).toEqual(["0:100!", "1:28"]);
  });

  test("exceeds the budget to finish a prompt, and begins no prompt with a few tokens", () => {
    expect(widths([prefilling(0, 135), prefilling(1, 300)])).toEqual(["0:135!"]);
    expect(widths([prefilling(0, 121), prefilling(1, 300)])).toEqual(["0:121!"]);
    expect(widths([prefilling(0, 121), prefilling(1, 126, 119)])).toEqual(["0:121!", "1:7!"]);
  });

  test("leaves no rest that is shorter than a good piece, and whole tiles behind the first piece", () => {
    const good = { ...limits, prefillBudget: 64, leastPiece: 64 };
    expect(widths([prefilling(0, 127)], good)).toEqual(["0:127!"]);
    // 1,900 tokens are 29 tiles and 44 tokens.
    expect(widths([prefilling(0, 1_900)], good)).toEqual(["0:108"]);
    expect(widths([prefilling(0, 1_900, 108)], good)).toEqual(["0:64"]);
    expect(widths([prefilling(0, 1_900)], { ...good, prefillBudget: 200 })).toEqual(["0:172"]);
    expect(widths([prefilling(0, 600)], { ...good, prefillBudget: 512 })).toEqual(["0:472"]);
  });

  test("reads any prompt in pieces that are worth their step", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3_000 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 0, max: 4 }),
        (length, goodTiles, moreTiles) => {
          const leastPiece = 64 * goodTiles;
          const prefillBudget = leastPiece + 64 * moreTiles;
          for (let done = 0; done < length;) {
            const [piece] = schedule([prefilling(0, length, done)], { ...limits, prefillBudget, leastPiece });
            const tokens = piece?.tokens.length ?? 0;
            expect(tokens).toBeGreaterThanOrEqual(Math.min(leastPiece, length - done));
            done += tokens;
          }
        },
      ),
    );
  });

  test("gives several prompts whole pieces in turn, and the rest of a step to none", () => {
    const good = { ...limits, prefillBudget: 128, leastPiece: 64 };
    expect(widths([prefilling(0, 90), prefilling(1, 300)], good)).toEqual(["0:90!"]);
    expect(widths([prefilling(0, 50), prefilling(1, 300)], good)).toEqual(["0:50!"]);
    expect(widths([prefilling(0, 50), prefilling(1, 78)], good)).toEqual(["0:50!", "1:78!"]);
  });

  test("has no more tokens than the step has room for", () => {
    const streams = range(3).map(decoding);
    for (const length of [500, 509, 510, 515, 520, 600])
      expect(
        countTokens(schedule([...streams, prefilling(3, length)], { ...limits, prefillBudget: 512 })),
      ).toBeLessThanOrEqual(512);
  });

  test("orders matrices by descending slots, with the slots of a matrix ascending", () => {
    const slots = [decoding(0), decoding(1), decoding(2), prefilling(3, 9), decoding(4), decoding(6)];
    expect(ordered(slots)).toEqual(["6:1", "4:1", "3:9!", "0:1", "1:1", "2:1"]);
    const divide = (run: number): readonly number[] => (run === 3 ? [1, 2] : [run]);
    expect(ordered(slots, { ...limits, divide })).toEqual(["6:1", "4:1", "3:9!", "1:1", "2:1", "0:1"]);
  });

  test("gives each decoding slot its guesses, and divides by their rows", () => {
    const heights: number[] = [];
    const divide = (run: number, height: number): readonly number[] => {
      heights.push(height);
      return [run];
    };
    const guesses = new Map([0, 1].map((id) => [id, [7, 8]]));
    const entries = schedule([decoding(0), decoding(1)], { ...limits, divide }, guesses);
    expect(entries.map((entry) => entry.guesses)).toEqual([
      [7, 8],
      [7, 8],
    ]);
    expect(heights).toEqual([3]);
    expect(countTokens(entries)).toBe(6);
  });

  test("returns no entries for jobs that have not begun", () => {
    expect(widths([prefilling(0, 900), { ...prefilling(1, 20), pending: {} }])).toEqual(["0:68"]);
  });

  test("lets a prompt wait for at most as many tokens of other prompts as it has itself", () => {
    const held = createHeld();
    const long = { ...prefilling(0, 500), held, agingTokens: 0 };
    let others = 0;
    for (let step = 0; step < 100 && held.entries.length === 0; step++) {
      const newcomer = { ...prefilling(1, 100), agingTokens: 0 };
      const entries = schedule([long, newcomer], { ...limits, prefillBudget: 100 });
      ageWaiting([long, newcomer], entries);
      for (const entry of entries) {
        if (entry.slot === 0) held.feed(entry.tokens);
        else others += countTokens([entry]);
      }
    }
    expect(held.entries.length).toBeGreaterThan(0);
    expect(others).toBeLessThanOrEqual(500);
    expect(others).toBeGreaterThan(300);
  });

  test("limits the scored tokens, names the next token of each, and leaves the rest of the budget to other prompts", () => {
    const scored = { ...prefilling(1, 40, 30), scores: true };
    const few = { ...limits, prefillBudget: 20, scoredTokens: 4 };
    expect(widths([decoding(0), scored, prefilling(2, 100)], few)).toEqual(["0:1", "1:4", "2:16"]);
    const both = [1, 2].map((id) => ({ ...prefilling(id, 40, 30), scores: true }));
    expect(widths([decoding(0), ...both], few), "the limit is for all slots together").toEqual(["0:1", "1:4"]);
    const [entry] = schedule([{ ...prefilling(0, 40, 30), scores: true }], few);
    expect(entry).toMatchObject({ tokens: [30, 31, 32, 33], nextTokens: [31, 32, 33, 34], sample: false });
    const [last] = schedule([{ ...prefilling(0, 40, 37), scores: true }], few);
    expect(last).toMatchObject({ tokens: [37, 38, 39], nextTokens: [38, 39], sample: true });
    expect(countScored([entry, last].flatMap((each) => each ?? []))).toBe(6);
  });

  test("gives decoding slots precedence when the batch is small", () => {
    const small = { ...limits, batchSize: 4 };
    const entries = schedule([decoding(0), prefilling(1, 9), decoding(2), decoding(3)], small);
    expect(entries.map((entry) => entry.slot)).toEqual([2, 3, 1, 0]);
    expect(countTokens(entries)).toBe(4);
  });

  test("returns one entry for each slot, within the limits, with all decoding slots, for random slots", () => {
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
          prefillBudget: fc.integer({ min: 1, max: 200 }),
          leastPiece: fc.integer({ min: 1, max: 128 }),
          scoredTokens: fc.integer({ min: 1, max: 64 }),
        }),
        (drawn, drawnLimits) => {
          const slots: SchedulableSlot[] = drawn.map(({ state, length, done }, id) => ({
            id,
            state,
            prompt: range(length),
            held: createHeld(range(Math.min(done, length - 1))),
            chunks: [],
            scores: false,
            agingTokens: done,
            pending: undefined,
            sequence: { lastToken: 9, forced: undefined },
          }));
          const entries = schedule(slots, { ...drawnLimits, divide: (run) => [run] });
          const ids = entries.map((entry) => entry.slot);
          expect(new Set(ids).size).toBe(ids.length);
          expect(countTokens(entries)).toBeLessThanOrEqual(drawnLimits.batchSize);
          const decodes = ids.filter((id) => slots[id]?.state === "decoding");
          expect(decodes.toSorted((a, b) => a - b)).toEqual(
            slots.filter(({ state }) => state === "decoding").map(({ id }) => id),
          );
          expect(countTokens(entries) - decodes.length).toBeLessThan(
            drawnLimits.prefillBudget + Math.max(drawnLimits.leastPiece, 64),
          );
          const full = decodes.length === drawnLimits.batchSize;
          expect(entries.length > decodes.length).toBe(!full && slots.some(({ state }) => state === "prefilling"));
          for (const entry of entries) {
            if (slots[entry.slot]?.state === "decoding") continue;
            const { prompt, held } = slots[entry.slot] ?? idle(0);
            const { length } = held.entries;
            expect(entry.from).toBe(length);
            expect(entry.tokens).toEqual(prompt.slice(length, length + entry.tokens.length));
            expect(entry.sample).toBe(length + entry.tokens.length === prompt.length);
          }
        },
      ),
    );
  });
});
