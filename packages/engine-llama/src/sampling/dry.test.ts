import type { Token } from "@waggle/engine";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dryPenalties, type DryBreakers, type DrySettings } from "./dry.ts";

const settings: DrySettings = {
  dry_multiplier: 0.8,
  dry_base: 1.75,
  dry_allowed_length: 2,
  dry_penalty_last_n: -1,
};
const noBreakers: DryBreakers = new Map();

function penalties(history: readonly Token[], more: Partial<DrySettings> = {}, breakers = noBreakers) {
  return Object.fromEntries(dryPenalties(history, { ...settings, ...more }, breakers));
}

describe("DRY", () => {
  it("penalises the continuation of a longer repetition more", () => {
    expect(penalties([1, 2, 9, 1, 2])).toEqual({ 9: Math.fround(0.8) });
    expect(penalties([1, 2, 3, 9, 1, 2, 3])).toEqual({ 9: Math.fround(Math.fround(0.8) * 1.75) });
    expect(penalties([1, 2, 3, 9, 2, 3, 8, 1, 2, 3])).toEqual({
      8: Math.fround(0.8),
      9: Math.fround(Math.fround(0.8) * 1.75),
    });
    expect(penalties([4, 2, 9, 1, 2])).toEqual({});
  });

  it("compares only the last `dry_penalty_last_n` tokens", () => {
    expect(penalties([1, 2, 9, 1, 2], { dry_penalty_last_n: 5 })).toHaveProperty("9");
    expect(penalties([1, 2, 9, 1, 2], { dry_penalty_last_n: 4 })).toEqual({});
    expect(penalties([1, 2, 9, 1, 2], { dry_penalty_last_n: 0 })).toEqual({});
    expect(penalties([1, 2, 9, 1, 2], { dry_multiplier: 0 })).toEqual({});
  });

  it("ends repetitions at breakers, and does not penalise breakers", () => {
    const history = [1, 2, 3, 9, 1, 2, 3];
    expect(penalties(history, {}, new Map([[1, [[]]]]))).toEqual({ 9: Math.fround(0.8) });
    expect(penalties(history, {}, new Map([[2, [[]]]]))).toEqual({});
    expect(penalties(history, {}, new Map([[9, [[]]]]))).toEqual({});
    // Breakers of several tokens: the longest in the text counts. A breaker whose tokens are not all in the text does not count.
    expect(penalties(history, {}, new Map([[1, [[2, 7], [2]]]]))).toEqual({});
    expect(penalties(history, {}, new Map([[1, [[2, 7]]]]))).toHaveProperty("9");
    expect(penalties(history, {}, new Map([[9, [[1]]]]))).toEqual({ 9: Math.fround(0.8) });
  });

  it("has finite penalties for repetitions of any length", () => {
    const loop = Array.from({ length: 2_000 }, () => 7);
    expect(penalties(loop)).toEqual({ 7: Math.fround(Math.fround(0.8) * 1.75 ** 158) });
    expect(penalties(loop, { dry_base: 1 })).toEqual({ 7: Math.fround(0.8) });
  });

  it("finds the same repetitions as a comparison of all pairs of positions", () => {
    const longestAt = (history: readonly Token[], end: number): number => {
      let length = 0;
      while (length < end && history[end - 1 - length] === history[history.length - 1 - length]) length++;
      return length;
    };
    const tokens = fc.array(fc.nat(2), { maxLength: 40 });
    fc.assert(
      fc.property(tokens, fc.integer({ min: 0, max: 4 }), (history, allowed) => {
        const expected = new Map<Token, number>();
        for (let end = 1; end < history.length; end++) {
          const [token, length] = [history[end] ?? 0, longestAt(history, end)];
          if (length >= allowed && length > (expected.get(token) ?? -1)) expected.set(token, length);
        }
        const found = dryPenalties(history, { ...settings, dry_allowed_length: allowed }, noBreakers);
        const lengths = [...found].map(([token, penalty]): [Token, number] => [
          token,
          allowed + Math.round(Math.log(penalty / 0.8) / Math.log(1.75)),
        ]);
        expect(new Map(lengths)).toEqual(history.length > allowed ? expected : new Map());
      }),
    );
  });

  it("takes linear time, also for one long repetition", { timeout: 60_000 }, () => {
    // A comparison of all pairs of positions would take ten minutes.
    const loop = Array.from({ length: 1 << 19 }, (_, i) => i % 2);
    expect(dryPenalties(loop, settings, noBreakers).size).toBe(1);
  });
});
