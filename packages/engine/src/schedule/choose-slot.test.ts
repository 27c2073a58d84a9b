import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createHeld } from "../sequence/held.ts";
import { range, runIn, slotOf } from "../testing/run-in.ts";
import { chooseSlot, holeCostTokens, type CandidateSlot } from "./choose-slot.ts";

function slot(id: number, given: Partial<CandidateSlot> = {}): CandidateSlot {
  return { ...slotOf(id), cacheScope: "alice", ...given };
}

const [idle, decoding, releasing] = [slotOf(), runIn("decoding").slot, runIn("releasing").slot].map(({ state }) => ({
  state,
}));
const seeker = { prompt: range(100), cacheScope: "alice" };

describe("chooseSlot", () => {
  test("takes the lowest of equal slots", () => {
    expect(chooseSlot([slot(0), slot(1), slot(2)], seeker)?.slot.id).toBe(0);
  });

  test("takes the slot with the longest common prefix", () => {
    const slots = [
      slot(0, { held: createHeld(range(20)) }),
      slot(1, { held: createHeld(range(50)) }),
      slot(2, { held: createHeld([9, 9]) }),
    ];
    expect(chooseSlot(slots, seeker)).toMatchObject({ slot: { id: 1 }, keepTokens: 50 });
  });

  test("does not take the slot used last for fewer than eight common tokens", () => {
    const used = (id: number, lastUsed: number, common: number): CandidateSlot =>
      slot(id, { held: createHeld([...range(common), ...range(90, 500)]), lastUsed });
    expect(chooseSlot([used(0, 9, 7), slot(1)], seeker)).toMatchObject({ slot: { id: 1 } });
    expect(chooseSlot([used(0, 9, 7), used(1, 5, 3)], seeker)).toMatchObject({ slot: { id: 1 }, keepTokens: 3 });
    expect(chooseSlot([used(0, 9, 8), slot(1)], seeker)).toMatchObject({ slot: { id: 0 }, keepTokens: 8 });
  });

  test("weighs a cached prefix against the batch split that its slot causes", () => {
    const withPrefix = (length: number): CandidateSlot[] => [
      slot(0, decoding),
      slot(1),
      slot(2),
      slot(3, { held: createHeld(range(length)) }),
    ];
    expect(chooseSlot(withPrefix(holeCostTokens), seeker)).toMatchObject({ slot: { id: 1 }, keepTokens: 0 });
    expect(chooseSlot(withPrefix(holeCostTokens + 1), seeker)).toMatchObject({ slot: { id: 3 } });
  });

  test("prefers the slot between two busy slots, which removes a batch split", () => {
    const slots = [slot(0, decoding), slot(1, { lastUsed: 9 }), slot(2, decoding), slot(3)];
    expect(chooseSlot(slots, seeker)?.slot.id).toBe(1);
  });

  test("takes the slot unused for longest among slots with equal batch splits", () => {
    const slots = [
      slot(0, { lastUsed: 7, held: createHeld([9]) }),
      slot(1, { lastUsed: 3, held: createHeld([8]) }),
      slot(2, { lastUsed: 5 }),
    ];
    expect(chooseSlot(slots, seeker)?.slot.id).toBe(1);
  });

  test("returns a session to the slot that holds its prefix, despite a batch split", () => {
    const slots = [
      slot(0, decoding),
      slot(1, { held: createHeld(range(90)) }),
      slot(2),
      slot(3, { held: createHeld(range(20)), sessionId: "s" }),
    ];
    expect(chooseSlot(slots, { ...seeker, sessionId: "s" })).toMatchObject({ slot: { id: 3 }, keepTokens: 20 });
    expect(chooseSlot(slots, { ...seeker, sessionId: "t" })).toMatchObject({ slot: { id: 1 } });
  });

  test("does not return a session to its slot if that slot holds other tokens", () => {
    const slots = [slot(0), slot(1, { held: createHeld([0, ...range(40, 500)]), sessionId: "s", lastUsed: 4 })];
    expect(chooseSlot(slots, { ...seeker, sessionId: "s" })).toMatchObject({ slot: { id: 0 }, keepTokens: 0 });
    const busy = [slot(0, decoding), slot(1), ...slots.map((each) => ({ ...each, id: each.id + 2 }))];
    expect(chooseSlot(busy, { ...seeker, sessionId: "s" })).toMatchObject({ slot: { id: 1 }, keepTokens: 0 });
  });

  test("keeps only tokens that the prompt begins with, in the job's scope, for random slots", () => {
    const token = fc.nat(2);
    const anySlot = fc.record({
      state: fc.constantFrom(idle, decoding, releasing),
      held: fc.array(token, { maxLength: 12 }).map(createHeld),
      cacheScope: fc.constantFrom("alice", "bob", undefined),
      sessionId: fc.constantFrom("s", undefined),
      lastUsed: fc.integer({ min: -1, max: 5 }),
    });
    fc.assert(
      fc.property(
        fc.array(anySlot, { minLength: 1, maxLength: 6 }),
        fc.array(token, { minLength: 1, maxLength: 12 }),
        (drawn, prompt) => {
          const slots = drawn.map(({ state, ...each }, id) => slot(id, { ...each, ...state }));
          const choice = chooseSlot(slots, { prompt, cacheScope: "alice", sessionId: "s" });
          if (choice === undefined) return slots.every((each) => each.state.kind !== "idle");
          const { slot: chosen, keepTokens } = choice;
          expect(chosen.state.kind).toBe("idle");
          expect(keepTokens).toBeLessThan(prompt.length);
          expect(chosen.held.entries.slice(0, keepTokens)).toEqual(prompt.slice(0, keepTokens));
          if (chosen.cacheScope !== "alice") expect(keepTokens).toBe(0);
          return true;
        },
      ),
    );
  });
});
