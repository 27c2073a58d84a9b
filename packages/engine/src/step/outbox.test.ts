// Tests when the slots' status is sent.
import { describe, expect, test } from "vitest";
import type { EngineEvent, StepStats } from "../port/messages.ts";
import { createOutbox } from "./outbox.ts";
import type { Sequence } from "../sequence/sequence.ts";
import { createSlots, type Slot } from "../schedule/slots.ts";

function statsOf(passMs: number, gapMs = 0): StepStats {
  const shape = { width: 1, decodeRows: 1, tokens: 1, scored: 0, guessed: 0, rightGuesses: 0 };
  return { step: 1, ...shape, passMs, gapMs, shifts: 0, threads: 1, cells: 1, parked: 0 };
}

function open(): { slot: Slot; outbox: ReturnType<typeof createOutbox>; flush: (stats: StepStats) => unknown } {
  const slots = createSlots(2);
  const events: EngineEvent[] = [];
  const outbox = createOutbox(slots, (event) => events.push(event));
  const flush = (stats: StepStats): unknown => {
    outbox.flush(stats);
    const event = events.at(-1);
    return event?.type === "step" ? event.slots?.map(({ id, state, tokens }) => [id, state, tokens]) : event;
  };
  return { slot: slots[1] as Slot, outbox, flush };
}

const sequenceOf = (jobId: string, completionTokens: number) => ({ jobId, completionTokens }) as Sequence;

describe("the slots' status", () => {
  test("is sent first, and not again without a change", () => {
    const { flush } = open();
    expect(flush(statsOf(1))).toEqual([
      [0, "idle", 0],
      [1, "idle", 0],
    ]);
    expect(flush(statsOf(1))).toBeUndefined();
  });

  test("is sent when a slot changes its state or its job", () => {
    const { slot, flush } = open();
    flush(statsOf(1));
    slot.state = "decoding";
    slot.sequence = sequenceOf("a", 3);
    expect(flush(statsOf(1))).toContainEqual([1, "decoding", 3]);
    slot.sequence = sequenceOf("b", 4);
    expect(flush(statsOf(1))).toContainEqual([1, "decoding", 4]);
    slot.state = "releasing";
    expect(flush(statsOf(1))).toContainEqual([1, "releasing", 4]);
  });

  test("is sent with new counts after 200 ms of passes and gaps", () => {
    const { slot, flush } = open();
    slot.state = "decoding";
    const sequence = { jobId: "a", completionTokens: 1 };
    slot.sequence = sequence as Sequence;
    flush(statsOf(0));
    sequence.completionTokens = 2;
    expect(flush(statsOf(100, 99))).toBeUndefined();
    expect(flush(statsOf(1))).toContainEqual([1, "decoding", 2]);
    expect(flush(statsOf(100, 99))).toBeUndefined();
  });
});
