import { describe, expect, test } from "vitest";
import { range, runIn, slotOf, type GivenRun } from "../testing/run-in.ts";
import { needOf, runToPreempt, soonCells, stepCells, usedCells } from "./cells.ts";
import type { Run } from "./slots.ts";

const prefilling = (length: number, held = 0): Run => runIn("prefilling", { entries: range(length), held });

test("each token of a slot uses a cell, also in an idle slot", () => {
  expect(usedCells([prefilling(9, 3).slot, slotOf(1, range(4))])).toBe(7);
});

describe("a job soon needs", () => {
  test("its tokens and the headroom, and no more than the rest of its answer and its context", () => {
    expect(soonCells({ tokens: 100, tokensLeft: Infinity }, 1_000, 256)).toBe(356);
    expect(soonCells({ tokens: 100, tokensLeft: 10 }, 1_000, 256)).toBe(110);
    expect(soonCells({ tokens: 900, tokensLeft: Infinity }, 1_000, 256)).toBe(999);
  });

  test("its prompt and its output, also before it is computed", () => {
    expect(needOf(prefilling(9, 3))).toEqual({ tokens: 9, tokensLeft: 1_000 });
    const writing = runIn("decoding", { entries: range(9), sampled: range(22), maxTokens: 27 });
    expect(needOf(writing)).toEqual({ tokens: 30, tokensLeft: 5 });
  });
});

test("a pass feeds a token of each decoding slot, and prompts up to the batch size", () => {
  const jobs = [runIn("decoding"), runIn("decoding"), prefilling(12, 2), runIn("beginning"), runIn("preempted")];
  const slots = [...jobs.map(({ slot }) => slot), slotOf(0, range(4))];
  expect(stepCells(slots, 512)).toBe(12);
  expect(stepCells(slots, 6)).toBe(8);
});

describe("the job to preempt", () => {
  /** Returns the number of the job. The jobs started in this order. */
  function preempted(nowMs: number, ...given: readonly (GivenRun & { readonly preemptedAtMs?: number })[]) {
    const runs = given.map(({ preemptedAtMs, ...more }, startOrder) =>
      Object.assign(runIn("decoding", { startOrder, ...more }), { preemptedAtMs }),
    );
    return runToPreempt(
      [...runs, runIn("beginning"), runIn("preempted")].map(({ slot }) => slot),
      nowMs,
    )?.startOrder;
  }

  test("has the lowest priority, and is of several the one that started last", () => {
    expect(preempted(0, { priority: 1 }, { priority: -1 }, { priority: 0 })).toBe(1);
    expect(preempted(0, { priority: -1 }, { priority: -1 }, { priority: 0 })).toBe(1);
    const reading = runIn("prefilling", { priority: -1 });
    expect(runToPreempt([runIn("decoding").slot, reading.slot], 0)).toBe(reading);
  });

  test("is never the only running job, or a job that has not begun", () => {
    expect(preempted(0, {})).toBeUndefined();
    expect(preempted(0, { priority: 1 }, {})).toBe(1);
  });

  test("was not preempted in the last 30 seconds, while another could be preempted", () => {
    expect(preempted(40_000, { priority: 1 }, { preemptedAtMs: 10_001 })).toBe(0);
    expect(preempted(40_000, { priority: 1 }, { preemptedAtMs: 10_000 })).toBe(1);
    expect(preempted(40_000, { priority: 1, preemptedAtMs: 39_000 }, { preemptedAtMs: 39_500 })).toBe(1);
  });
});
