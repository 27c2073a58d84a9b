import { describe, expect, test } from "vitest";
import type { Token } from "../../port/steps.ts";
import { createDrafts, type Drafts } from "./drafts.ts";

/** Milliseconds of a step by its rows, measured: the shape of 135M in Q8_0 with one thread, and of 1B in Q4_K_M with two. */
const small = { 1: 9.2, 2: 27.7, 3: 30, 4: 34, 6: 46, 8: 46, 12: 58, 16: 67, 32: 97, 64: 160 };
const large = { 1: 28, 2: 42, 3: 57, 4: 73, 6: 107, 8: 142, 12: 210, 16: 196, 32: 300, 64: 520 };
const fourthFree = { 1: 49, 2: 68, 3: 83, 4: 66, 5: 88, 8: 144, 12: 203, 16: 211 };
type Curve = Readonly<Record<number, number>>;

/** Numbers below `count`, always the same. */
function createNumbers(): (count: number) => number {
  let state = 1;
  return (count) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * count);
  };
}

function randomText(length: number, vocabulary: number): Token[] {
  const number = createNumbers();
  return Array.from({ length }, () => 1 + number(vocabulary));
}

/** The text with another token in about one of `every` places. */
function edited(text: readonly Token[], every: number): Token[] {
  const number = createNumbers();
  return text.map((token) => (number(every) === 0 ? 5_000 + number(100) : token));
}

/** Decodes a text that a model would sample. @returns tokens per millisecond, relative to steps of one row */
function gainOf(text: readonly Token[], prompt: readonly Token[], curve: Curve, drafts = begun(prompt)): number {
  const stepMs = (height: number): number | undefined => curve[height];
  let ms = 0;
  for (let at = 0; at < text.length;) {
    const plan = drafts.plan({ slots: [{ slot: 0, most: 63 }], stepMs })?.get(0) ?? [];
    ms += curve[1 + plan.length] ?? Infinity;
    let right = 0;
    while (right < plan.length && plan[right] === text[at + right]) right += 1;
    for (const token of text.slice(at, at + right + 1)) drafts.push(0, token);
    at += right + 1;
  }
  return (text.length * (curve[1] ?? 0)) / ms;
}

function begun(prompt: readonly Token[], scope?: string): Drafts {
  const drafts = createDrafts({ enabled: true });
  drafts.begin(0, { prompt, output: [], scope });
  return drafts;
}

describe("drafts on a simulated machine", () => {
  const prompt = randomText(3_000, 2_000);

  test.each([
    ["small", small, 1.8],
    ["large", large, 1.8],
    ["with a free fourth row", fourthFree, 2],
  ])("make an answer faster that repeats its prompt with edits: %s", (_, curve, least) => {
    expect(gainOf(edited(prompt.slice(0, 2_000), 100), prompt, curve)).toBeGreaterThan(least);
  });

  test.each([small, large, fourthFree])(
    "never make an answer slower that is random, with chance matches or without",
    (curve) => {
      for (const vocabulary of [4, 8, 20, 2_000]) {
        const random = randomText(6_000, vocabulary);
        expect(gainOf(random.slice(3_000), random.slice(0, 3_000), curve), `${vocabulary}`).toBeGreaterThanOrEqual(
          0.98,
        );
      }
    },
  );

  test("use earlier answers of the same scope only", () => {
    const answer = randomText(1_000, 2_000);
    const gainIn = (scope: string | undefined): number => {
      const drafts = begun([1], "alice");
      for (const token of answer) drafts.push(0, token);
      drafts.end(0);
      drafts.begin(0, { prompt: [2], output: [], scope });
      return gainOf(answer, [], small, drafts);
    };
    expect(gainIn("alice")).toBeGreaterThan(3);
    expect(gainIn("bob")).toBeCloseTo(1);
    expect(gainIn(undefined)).toBeCloseTo(1);
  });
});

describe("the drafts of a step", () => {
  const repeating = Array.from({ length: 200 }, (_, i) => i % 50);
  const cheap = (height: number): number => 10 + height;
  const slot = (id: number, most = 63) => ({ slot: id, most });

  test("are equally many for all slots, filled up where a slot has no draft", () => {
    const drafts = begun(repeating);
    drafts.begin(1, { prompt: [1, 2], output: [], scope: undefined });
    const plan = drafts.plan({ slots: [slot(0, 5), slot(1)], stepMs: () => 10 });
    expect(plan?.get(0)).toEqual([0, 1, 2, 3, 4]);
    expect(plan?.get(1)).toHaveLength(5);
  });

  test("do not slow down a slot without a draft by more than a twentieth", () => {
    const drafts = begun(repeating);
    drafts.begin(1, { prompt: [1, 2], output: [], scope: undefined });
    const both = [slot(0), slot(1)];
    expect(drafts.plan({ slots: [slot(0)], stepMs: cheap })).toBeDefined();
    expect(drafts.plan({ slots: both, stepMs: cheap })).toBeUndefined();
    drafts.begin(1, { prompt: repeating, output: [], scope: undefined });
    expect(drafts.plan({ slots: both, stepMs: cheap }), "both gain").toBeDefined();
  });

  test("are left out where a slot has no room, the price is unknown, or drafts are off", () => {
    expect(begun(repeating).plan({ slots: [slot(0, 0)], stepMs: () => 10 })).toBeUndefined();
    expect(begun(repeating).plan({ slots: [slot(0)], stepMs: () => undefined })).toBeUndefined();
    const off = createDrafts({ enabled: false });
    off.begin(0, { prompt: repeating, output: [], scope: undefined });
    expect(off.plan({ slots: [slot(0)], stepMs: () => 10 })).toBeUndefined();
  });
});
