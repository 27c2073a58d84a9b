import { describe, expect, test } from "vitest";
import { range, runIn, slotOf } from "../testing/run-in.ts";
import {
  alignTargets,
  beginSlot,
  bindSlot,
  copySlot,
  decodeSlot,
  freeSlot,
  loadSlot,
  missingOf,
  preemptSlot,
  releaseSlot,
  reusableOf,
  returnSlot,
  runsIn,
  slotStatus,
  type DecideRun,
  type Run,
  type Slot,
  type SlotState,
} from "./slots.ts";

type Kind = SlotState["kind"];
const finished = { kind: "finished", by: "end" } as const;
const cancelled = { kind: "cancelled", atPass: 3 } as const;
const kinds = ["idle", "beginning", "prefilling", "decoding", "preempted", "releasing"] as const;

/** What brings a slot to each state. */
const changes: readonly [Kind, (run: Run) => void][] = [
  ["idle", ({ slot }) => freeSlot(slot, 1)],
  ["beginning", (run) => bindSlot(run.slot, run, 1, 0)],
  ["beginning", (run) => returnSlot(run, 0)],
  ["prefilling", (run) => beginSlot(run, 0)],
  ["decoding", decodeSlot],
  ["preempted", (run) => preemptSlot(run, 0)],
];

describe("the states of a slot", () => {
  const following: Readonly<Record<Kind, readonly Kind[]>> = {
    idle: ["beginning"],
    beginning: ["prefilling"],
    prefilling: ["decoding", "preempted"],
    decoding: ["preempted"],
    preempted: ["beginning"],
    // A job that was released while the backend began it stays released.
    releasing: ["idle", "prefilling"],
  };

  test.each(kinds)("follow %s only as planned", (kind) => {
    for (const [next, change] of changes) {
      const run = runIn(kind === "idle" ? "releasing" : kind);
      if (kind === "idle") freeSlot(run.slot, 1);
      if (following[kind].includes(next)) expect(() => change(run)).not.toThrow();
      else expect(() => change(run)).toThrow(`Cannot make slot 0 ${next}: it is ${kind}`);
    }
  });

  test("end with the first ending, and without any where the slot is idle", () => {
    const slot = slotOf();
    releaseSlot(slot, finished);
    expect(slot.state.kind).toBe("idle");
    for (const kind of kinds.slice(1, 5)) {
      const { slot: busy } = runIn(kind as "beginning");
      releaseSlot(busy, finished);
      releaseSlot(busy, cancelled);
      const hasBegun = kind === "prefilling" || kind === "decoding";
      expect(busy.state).toMatchObject({ kind: "releasing", ending: finished, hasBegun });
    }
  });

  test("choose the jobs of a pass", () => {
    const runs = kinds.slice(1).map((kind, slot) => runIn(kind as "beginning", { slot }));
    const [, reading, writing] = runs;
    expect(runsIn([slotOf(), ...runs.map(({ slot }) => slot)], "prefilling", "decoding")).toEqual([reading, writing]);
  });
});

describe("a slot", () => {
  function bound(state: "beginning" | "prefilling" = "prefilling"): Run & { readonly slot: Slot } {
    const slot = slotOf(0, [1, 2, 3, 4]);
    return runIn(state, { slot, entries: [1, 2, 7, 8, 9], held: 2, sessionId: "s" });
  }
  const untouched = { held: { entries: [1, 2, 3, 4] }, cacheScope: undefined, sessionId: undefined };

  test("keeps only the prefix that its job shares, and gets the job's scope and session", () => {
    const { slot } = bound();
    expect(slot).toMatchObject({ held: { entries: [1, 2] }, cacheScope: "alice", sessionId: "s" });
    expect(slotStatus(slot)).toEqual({ id: 0, state: "prefilling", job_id: "a", prompt_tokens: 5, tokens: 0 });
  });

  test("keeps its cache until its job begins, and also if the job never begins", () => {
    const { slot } = bound("beginning");
    expect(slot).toMatchObject({ state: { kind: "beginning", keepTokens: 2 }, ...untouched });
    releaseSlot(slot, cancelled);
    freeSlot(slot, 4);
    expect(slot).toMatchObject({ state: { kind: "idle" }, ...untouched });
  });

  test("is released with the backend's work, and its new cache, if a cancel arrives while the backend begins the job", () => {
    const run = bound("beginning");
    releaseSlot(run.slot, cancelled);
    beginSlot(run, 2);
    const state = { kind: "releasing", ending: cancelled, hasBegun: true };
    expect(run.slot).toMatchObject({ state, held: { entries: [1, 2] }, cacheScope: "alice" });
  });

  test("holds the tokens of a loaded snapshot, or is empty after a damaged one", () => {
    const { slot } = bound("beginning");
    loadSlot(slot, { id: "x", entries: [1, 2, 7], chunks: [], cacheScope: "bob", bytes: 3 });
    expect(slot).toMatchObject({ held: { entries: [1, 2, 7] }, cacheScope: "bob" });
    loadSlot(slot, undefined);
    expect(slot).toMatchObject({ held: { entries: [] }, cacheScope: undefined });
  });

  test("keeps its cache, scope and session when it is freed", () => {
    const { slot } = bound();
    releaseSlot(slot, cancelled);
    freeSlot(slot, 4);
    expect(slot).toMatchObject({ held: { entries: [1, 2] }, cacheScope: "alice", sessionId: "s", lastUsed: 4 });
    expect(slotStatus(slot)).toEqual({ id: 0, state: "idle", prompt_tokens: 0, tokens: 0 });
  });

  test("copies the first tokens of its cache into another slot, with its scope", () => {
    const { slot } = runIn("decoding", { entries: range(6) });
    const copy = slotOf(1);
    copySlot(slot, copy, 3);
    expect(copy).toMatchObject({ held: { entries: [0, 1, 2] }, cacheScope: "alice" });
  });

  test("keeps the target of a job that is preempted and returns, and computes only what it then lacks", () => {
    const run = runIn("decoding", { entries: range(4), sampled: [7, 8, 9] });
    const { slot } = run;
    run.agingTokens = 5;
    preemptSlot(run, 10);
    expect(slotStatus(slot)).toMatchObject({ state: "parked", prompt_tokens: 4, tokens: 3 });
    slot.held.cut(3);
    returnSlot(run, 20);
    expect(run).toMatchObject({ target: [0, 1, 2, 3, 7, 8, 9], preemptedAtMs: 20, agingTokens: 0 });
    expect(slot.state).toMatchObject({ kind: "beginning", run, keepTokens: 3 });
    expect([missingOf(run), reusableOf(run)]).toEqual([4, 6]);
    beginSlot(run, 3);
    expect(slot).toMatchObject({ state: { kind: "prefilling" }, held: { entries: range(3) } });
  });

  test("reuses no prompt whose logprobs are requested, unless the answer has begun", () => {
    const given = { entries: range(4), promptLogprobs: true };
    expect(reusableOf(runIn("prefilling", given))).toBe(0);
    expect(reusableOf(runIn("preempted", given))).toBe(4);
  });
});

test("branches are padded to a length that a job alone may have, or else to the longest of them", () => {
  const padded = (most: number): readonly (readonly number[])[] => {
    const runs = [[1, 2], [3]].map((target) => ({ target }) as unknown as DecideRun);
    alignTargets(runs, most, (longest) => longest + 2);
    return runs.map(({ target }) => target);
  };
  expect(padded(4)).toEqual([
    [1, 2, 2, 2],
    [3, 3, 3, 3],
  ]);
  expect(padded(3)).toEqual([
    [1, 2],
    [3, 3],
  ]);
});
