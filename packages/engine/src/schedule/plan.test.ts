import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { BatchEntry, Token } from "../port/steps.ts";
import { countTokens } from "../testing/engine-harness.ts";
import { range, runIn, type GivenRun } from "../testing/run-in.ts";
import { ageWaiting, toBatchEntry, planSpans, type ScheduleLimits } from "./plan.ts";
import type { Run } from "./slots.ts";

const limits = { batchSize: 512, prefillBudget: 128, leastPiece: 8, scoredTokens: 512, divide: (run: number) => [run] };

const decoding = (slot: number): Run => runIn("decoding", { slot });
const prefilling = (slot: number, length: number, held = 0, more: GivenRun = {}): Run =>
  runIn("prefilling", { slot, entries: range(length), held, ...more });

type Drafts = ReadonlyMap<number, readonly Token[]>;
const planned = (runs: readonly Run[], stepLimits: ScheduleLimits = limits, drafts?: Drafts): BatchEntry[] =>
  planSpans(runs, stepLimits, drafts).map(toBatchEntry);

/** The spans in the order of their slots. */
function widths(runs: readonly Run[], stepLimits: ScheduleLimits = limits): string[] {
  return ordered(runs, stepLimits).toSorted((a, b) => Number.parseInt(a) - Number.parseInt(b));
}

function ordered(runs: readonly Run[], stepLimits: ScheduleLimits = limits): string[] {
  return planSpans(runs, stepLimits).map((span) => {
    const { slot, target } = span.run;
    const endsPrompt = toBatchEntry(span).sample && target.length > slot.held.entries.length + 1;
    return `${slot.id}:${span.count}${endsPrompt ? "!" : ""}`;
  });
}

describe("planSpans", () => {
  test("returns spans for all decoding slots and one piece of a long prompt", () => {
    expect(widths([decoding(0), decoding(1), prefilling(2, 2000), decoding(3)])).toEqual([
      "0:1",
      "1:1",
      // The rest is whole tiles.
      "2:80",
      "3:1",
    ]);
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

  test("leaves no rest that is shorter than a good piece, and whole tiles after the first piece", () => {
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
            const [piece] = planSpans([prefilling(0, length, done)], { ...limits, prefillBudget, leastPiece });
            const { count = 0 } = piece ?? {};
            expect(count).toBeGreaterThanOrEqual(Math.min(leastPiece, length - done));
            done += count;
          }
        },
      ),
    );
  });

  test("gives several prompts whole pieces in turn, and the rest of a step to none", () => {
    const good = { ...limits, prefillBudget: 128, leastPiece: 64 };
    expect(widths([prefilling(0, 50), prefilling(1, 300)], good)).toEqual(["0:50!"]);
    expect(widths([prefilling(0, 50), prefilling(1, 60)], good)).toEqual(["0:50!", "1:60!"]);
  });

  test("orders matrices by descending slots, with the slots of a matrix ascending", () => {
    const slots = [decoding(0), decoding(1), decoding(2), prefilling(3, 9), decoding(4), decoding(6)];
    expect(ordered(slots)).toEqual(["6:1", "4:1", "3:9!", "0:1", "1:1", "2:1"]);
    const divide = (run: number): readonly number[] => (run === 3 ? [1, 2] : [run]);
    expect(ordered(slots, { ...limits, divide })).toEqual(["6:1", "4:1", "3:9!", "1:1", "2:1", "0:1"]);
  });

  test("gives each decoding slot its drafts, and divides by their rows", () => {
    const heights: number[] = [];
    const divide = (run: number, height: number): readonly number[] => {
      heights.push(height);
      return [run];
    };
    const drafts = new Map([0, 1].map((id) => [id, [7, 8]]));
    const entries = planned([decoding(0), decoding(1)], { ...limits, divide }, drafts);
    expect(entries.map((entry) => entry.drafts)).toEqual([
      [7, 8],
      [7, 8],
    ]);
    expect(heights).toEqual([3]);
    expect(countTokens(entries)).toBe(6);
  });

  test("lets a prompt wait for at most as many tokens of other prompts as it has itself", () => {
    const long = prefilling(0, 500);
    const { held } = long.slot;
    let others = 0;
    for (let step = 0; step < 100 && held.entries.length === 0; step++) {
      const newcomer = prefilling(1, 100);
      const spans = planSpans([long, newcomer], { ...limits, prefillBudget: 100 });
      ageWaiting([long, newcomer], spans);
      for (const { run, count } of spans) {
        if (run === long) held.feed(range(count));
        else others += count;
      }
    }
    expect(held.entries.length).toBeGreaterThan(0);
    expect(others).toBeLessThanOrEqual(500);
    expect(others).toBeGreaterThan(300);
  });

  test("limits the scored tokens, and leaves the rest of the budget to other prompts", () => {
    const scored = (slot: number): Run => prefilling(slot, 40, 30, { promptLogprobs: true });
    const few = { ...limits, prefillBudget: 20, scoredTokens: 4 };
    expect(widths([decoding(0), scored(1), prefilling(2, 100)], few)).toEqual(["0:1", "1:4", "2:16"]);
    expect(widths([decoding(0), scored(1), scored(2)], few), "the limit is for all slots").toEqual(["0:1", "1:4"]);
  });

  test("returns one span for each job, within the limits, with all decoding slots, for random jobs", () => {
    const anyJob = fc.record({ decodes: fc.boolean(), length: fc.integer({ min: 1, max: 60 }), done: fc.nat(59) });
    fc.assert(
      fc.property(
        fc.array(anyJob, { maxLength: 12 }),
        fc.record({
          batchSize: fc.integer({ min: 12, max: 64 }),
          prefillBudget: fc.integer({ min: 1, max: 200 }),
          leastPiece: fc.integer({ min: 1, max: 128 }),
          scoredTokens: fc.integer({ min: 1, max: 64 }),
        }),
        (drawn, drawnLimits) => {
          const runs = drawn.map(({ decodes, length, done }, id) => {
            const run = decodes ? decoding(id) : prefilling(id, length, Math.min(done, length - 1));
            return Object.assign(run, { agingTokens: done });
          });
          const spans = planSpans(runs, { ...drawnLimits, divide: (run) => [run] });
          const total = spans.reduce((sum, { count }) => sum + count, 0);
          expect(new Set(spans.map(({ run }) => run)).size).toBe(spans.length);
          expect(total).toBeLessThanOrEqual(drawnLimits.batchSize);
          const streams = runs.filter((_, i) => drawn[i]?.decodes);
          expect(spans.map(({ run }) => run)).toEqual(expect.arrayContaining(streams));
          const { prefillBudget, leastPiece, batchSize } = drawnLimits;
          expect(total - streams.length).toBeLessThan(prefillBudget + Math.max(leastPiece, 64));
          const full = streams.length === batchSize;
          expect(spans.length > streams.length).toBe(!full && runs.length > streams.length);
        },
      ),
    );
  });
});

describe("entryOf", () => {
  const entryFor = (run: Run, count: number): BatchEntry => toBatchEntry({ run, count, drafts: [] });

  test("continues a prompt where its cache ends, and samples with the last entry of the target", () => {
    expect(entryFor(prefilling(0, 10, 7), 3)).toEqual({ slot: 0, from: 7, tokens: [7, 8, 9], sample: true });
    expect(entryFor(prefilling(2, 10, 7), 2)).toEqual({ slot: 2, from: 7, tokens: [7, 8], sample: false });
    expect(entryFor(decoding(1), 1)).toEqual({ slot: 1, from: 1, tokens: [9], sample: true });
  });

  test("names the next token of each whose logprobs are requested", () => {
    const readsOf = (...next: number[]) => next.map((token, at) => ({ at, tokens: [token], top: 0 }));
    const scored = (held: number): Run => prefilling(0, 40, held, { promptLogprobs: true });
    expect(entryFor(scored(30), 3)).toMatchObject({ tokens: [30, 31, 32], reads: readsOf(31, 32, 33), sample: false });
    expect(entryFor(scored(37), 3)).toMatchObject({ tokens: [37, 38, 39], reads: readsOf(38, 39), sample: true });
  });

  test("yields a forced token only where it samples", () => {
    const run = Object.assign(prefilling(0, 4), { sequence: { completionTokens: 0, forced: 5 } });
    expect([entryFor(run, 3).forced, entryFor(run, 4).forced]).toEqual([undefined, 5]);
  });
});
