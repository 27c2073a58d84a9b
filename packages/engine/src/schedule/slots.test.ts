import { describe, expect, test } from "vitest";
import type { EngineJob } from "../port/messages.ts";
import type { GenerateWork } from "../port/work.ts";
import { createSequence } from "../sequence/sequence.ts";
import { createHeld } from "../sequence/held.ts";
import {
  beginSlot,
  bindSlot,
  createSlots,
  freeSlot,
  loadSlot,
  releaseSlot,
  sequenceOf,
  slotStatus,
  transition,
  type Slot,
  type SlotEvent,
  type SlotPhase,
} from "./slots.ts";

const legal: Record<SlotPhase, Partial<Record<SlotEvent, SlotPhase>>> = {
  idle: { bind: "prefilling" },
  prefilling: { prompt_computed: "decoding", park: "parked", release: "releasing" },
  decoding: { park: "parked", release: "releasing" },
  parked: { unpark: "prefilling", release: "releasing" },
  releasing: { released: "idle" },
};
const states = Object.keys(legal) as SlotPhase[];
const events: SlotEvent[] = ["bind", "prompt_computed", "park", "unpark", "release", "released"];

describe("transition", () => {
  for (const state of states) {
    for (const event of events) {
      const next = legal[state][event];
      test(`${state} meets ${event}: ${next ?? "refused"}`, () => {
        if (next === undefined) expect(() => transition(state, event)).toThrow(`it is ${state}`);
        else expect(transition(state, event)).toBe(next);
      });
    }
  }
});

describe("a slot", () => {
  function boundSlot(begins = true): Slot {
    const [slot] = createSlots(1);
    if (slot === undefined) throw new Error("no slot");
    slot.held = createHeld([1, 2, 3, 4]);
    const job = { jobId: "a", work: {}, cacheScope: "alice", sessionId: "s" } as EngineJob<GenerateWork>;
    const sequence = createSequence({
      jobId: "a",
      stop: [],
      ignoreEos: false,
      promptTokens: 5,
      maxTokens: undefined,
      contextShift: false,
      contextSize: 16,
      startedAtMs: 0,
    });
    const prompt = [1, 2, 7, 8, 9];
    const prepared = {
      kind: "generate" as const,
      job,
      prompt,
      chunks: [],
      promptTokens: 5,
      reusableTokens: 4,
      sampling: {} as never,
    };
    const replayed = { events: [], finish: undefined };
    bindSlot(slot, { prepared, sequence, keepTokens: 2, replayed, startOrder: 1 });
    if (begins) beginSlot(slot, 2);
    return slot;
  }

  test("keeps only the prefix that its job shares, and gets the job's scope and session", () => {
    const slot = boundSlot();
    expect(slot).toMatchObject({ state: "prefilling", held: { entries: [1, 2] }, cacheScope: "alice", sessionId: "s" });
    expect(slotStatus(slot)).toEqual({ id: 0, state: "prefilling", job_id: "a", prompt_tokens: 5, tokens: 0 });
  });

  test("keeps its cache until its job begins, and also if the job never begins", () => {
    const slot = boundSlot(false);
    const untouched = { held: { entries: [1, 2, 3, 4] }, cacheScope: undefined, sessionId: undefined };
    expect(slot).toMatchObject({ state: "prefilling", ...untouched });
    releaseSlot(slot, { kind: "cancelled", atPass: 3 });
    freeSlot(slot, 4);
    expect(slot).toMatchObject({ state: "idle", pending: undefined, ...untouched });
  });

  test("holds the tokens of a loaded snapshot, or is empty after a damaged one", () => {
    const slot = boundSlot(false);
    loadSlot(slot, { id: "x", entries: [1, 2, 7], cacheScope: "bob", bytes: 3 });
    expect(slot).toMatchObject({ held: { entries: [1, 2, 7] }, cacheScope: "bob" });
    loadSlot(slot, undefined);
    expect(slot).toMatchObject({ held: { entries: [] }, cacheScope: undefined });
  });

  test("keeps its cache, scope and session when it is freed", () => {
    const slot = boundSlot();
    releaseSlot(slot, { kind: "cancelled", atPass: 3 });
    freeSlot(slot, 4);
    expect(slot).toMatchObject({ held: { entries: [1, 2] }, cacheScope: "alice", sessionId: "s", lastUsed: 4 });
    expect(slotStatus(slot)).toEqual({ id: 0, state: "idle", prompt_tokens: 0, tokens: 0 });
    expect(() => sequenceOf(slot)).toThrow("no job is bound");
  });

  test("keeps the part of a shifted cache that no shift has moved", () => {
    const slot = boundSlot();
    slot.held = createHeld([1, 2, 3, 4, 5, 6]);
    slot.held.shift({ keep: 2, discard: 3 });
    expect(slot.held.entries).toEqual([1, 2, 6]);
    slot.held.feed([7]);
    releaseSlot(slot, { kind: "finished", by: "max_tokens" });
    freeSlot(slot, 4);
    expect(slot.held).toMatchObject({ entries: [1, 2], reusable: [1, 2] });
  });

  test("keeps the first ending", () => {
    const slot = boundSlot();
    releaseSlot(slot, { kind: "finished", by: "end" });
    releaseSlot(slot, { kind: "cancelled", atPass: 3 });
    expect(slot.ending).toEqual({ kind: "finished", by: "end" });
  });
});
