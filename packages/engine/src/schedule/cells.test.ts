import { describe, expect, test } from "vitest";
import { needOf, slotToPark, soonCells, stepCells, usedCells } from "./cells.ts";
import { createHeld } from "../sequence/held.ts";
import { createSlots, type Slot, type SlotPhase } from "./slots.ts";

interface GivenSlot {
  readonly state?: SlotPhase;
  readonly held?: number;
  readonly prompt?: number;
  readonly tokensLeft?: number;
  readonly priority?: number;
  readonly parkedAtMs?: number;
  readonly pending?: boolean;
}

/** The slots' jobs started in this order. */
function slotsOf(...given: readonly GivenSlot[]): readonly Slot[] {
  const slots = createSlots(given.length);
  given.forEach(({ state = "decoding", held = 0, prompt = 0, tokensLeft = 1_000, priority = 0, ...more }, i) => {
    Object.assign(slots[i] as Slot, {
      state,
      held: createHeld(Array.from({ length: held }, (_, token) => token)),
      prompt: Array.from({ length: prompt }, (_, token) => token),
      prepared: { job: { priority } },
      sequence: { tokensLeft },
      startOrder: i,
      parkedAtMs: more.parkedAtMs,
      pending: more.pending === true ? { keepTokens: 0 } : undefined,
    });
  });
  return slots;
}

function parked(nowMs: number, ...given: readonly GivenSlot[]): number | undefined {
  return slotToPark(slotsOf(...given), nowMs)?.id;
}

test("each token of a slot uses a cell, also in an idle slot", () => {
  expect(usedCells(slotsOf({ held: 3 }, { state: "idle", held: 4 }))).toBe(7);
});

describe("a job soon needs", () => {
  test("its tokens and the headroom, and no more than the rest of its answer and its context", () => {
    expect(soonCells({ tokens: 100, tokensLeft: Infinity }, 1_000, 256)).toBe(356);
    expect(soonCells({ tokens: 100, tokensLeft: 10 }, 1_000, 256)).toBe(110);
    expect(soonCells({ tokens: 900, tokensLeft: Infinity }, 1_000, 256)).toBe(999);
  });

  test("its whole prompt until it decodes, then what it holds", () => {
    const [reading, writing] = slotsOf(
      { state: "prefilling", held: 3, prompt: 9 },
      { held: 30, prompt: 9, tokensLeft: 5 },
    ) as [Slot, Slot];
    expect(needOf(reading)).toEqual({ tokens: 9, tokensLeft: 1_000 });
    expect(needOf(writing)).toEqual({ tokens: 30, tokensLeft: 5 });
  });
});

test("a pass feeds a token of each decoding slot, and prompts up to the batch size", () => {
  const slots = slotsOf(
    { held: 8 },
    { held: 9 },
    { state: "prefilling", held: 2, prompt: 12 },
    { state: "prefilling", prompt: 50, pending: true },
    { state: "parked", prompt: 50, pending: true },
    { state: "idle", held: 4 },
  );
  expect(stepCells(slots, 512)).toBe(12);
  expect(stepCells(slots, 6)).toBe(8);
});

describe("the slot to park", () => {
  test("has the job of the lowest priority, and of several the one that started last", () => {
    expect(parked(0, { priority: 1 }, { priority: -1 }, { priority: 0 })).toBe(1);
    expect(parked(0, { priority: -1 }, { state: "prefilling", priority: -1 }, { priority: 0 })).toBe(1);
  });

  test("is never that of the only running job, or of a job that has not begun", () => {
    expect(parked(0, {}, { state: "idle" }, { state: "parked", pending: true })).toBeUndefined();
    expect(parked(0, {}, { state: "prefilling", pending: true })).toBeUndefined();
  });

  test("has no job that was parked in the last 30 seconds, while another could be parked", () => {
    expect(parked(40_000, { priority: 1 }, { parkedAtMs: 10_001 })).toBe(0);
    expect(parked(40_000, { priority: 1 }, { parkedAtMs: 10_000 })).toBe(1);
    expect(parked(40_000, { priority: 1, parkedAtMs: 39_000 }, { parkedAtMs: 39_500 })).toBe(1);
  });
});
