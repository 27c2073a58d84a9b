// Tests when the slots' status is sent.
import { describe, expect, test } from "vitest";
import type { EngineEvent, StepStats } from "../port/messages.ts";
import { createOutbox } from "./outbox.ts";
import { createSlots, freeSlot, releaseSlot, type Slot } from "../schedule/slots.ts";
import { runIn } from "../testing/run-in.ts";

function statsOf(passMs: number, gapMs = 0): StepStats {
  const shape = { width: 1, decodeRows: 1, tokens: 1, scored: 0, guessed: 0, rightGuesses: 0 };
  return { step: 1, ...shape, passMs, gapMs, threads: 1, cells: 1, parked: 0 };
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
    runIn("decoding", { slot, sampled: [7, 8, 9] });
    expect(flush(statsOf(1))).toContainEqual([1, "decoding", 3]);
    releaseSlot(slot, { kind: "finished", by: "end" });
    expect(flush(statsOf(1))).toContainEqual([1, "releasing", 3]);
    freeSlot(slot, 1);
    runIn("releasing", { slot, jobId: "b" });
    expect(flush(statsOf(1)), "another job in the same state").toContainEqual([1, "releasing", 1]);
  });

  test("is sent with new counts after 200 ms of passes and gaps", () => {
    const { slot, flush } = open();
    const { sequence } = runIn("decoding", { slot });
    flush(statsOf(0));
    sequence.accept({ token: 8, bytes: Uint8Array.of(97), endOfGeneration: false }, 0);
    expect(flush(statsOf(100, 99))).toBeUndefined();
    expect(flush(statsOf(1))).toContainEqual([1, "decoding", 2]);
    expect(flush(statsOf(100, 99))).toBeUndefined();
  });
});
