// Owns how job events leave the engine: gathered, and sent as one message, with a snapshot of the slots where that has news.
import type { SlotStatus } from "@waggle/protocol";
import type { EngineEvent, JobEvent, StepStats } from "./messages.ts";
import type { Sequence } from "./sequence.ts";
import { slotStatus, type Slot, type SlotState } from "./slots.ts";

/** Of passes between two tellings of how many tokens the slots have: who looks at them sees them move. */
const countsIntervalMs = 200;

export interface Outbox {
  add(...events: readonly JobEvent[]): void;
  /** Sends what has gathered, with what the pass did if there was one; nothing when there is nothing to say. */
  flush(stats?: StepStats): void;
  /** The same, but never nothing: a sign of life. */
  beat(): void;
}

export function createOutbox(slots: readonly Slot[], emit: (event: EngineEvent) => void): Outbox {
  let gathered: JobEvent[] = [];
  /** Of each slot, when they were told last. */
  const told = slots.map((): { state?: SlotState; sequence?: Sequence | undefined } => ({}));
  let passedMs = 0;

  /** All of them, when one has changed its state or its job; the counts of those that go on can wait. */
  function newsOfSlots(stats: StepStats | undefined): readonly SlotStatus[] | undefined {
    if (stats !== undefined) passedMs += stats.passMs + stats.gapMs;
    const changed = slots.some(({ state, sequence }, i) => state !== told[i]?.state || sequence !== told[i].sequence);
    if (!changed && passedMs < countsIntervalMs) return undefined;
    slots.forEach(({ state, sequence }, i) => (told[i] = { state, sequence }));
    passedMs = 0;
    return slots.map(slotStatus);
  }

  function send(stats: StepStats | undefined): void {
    const events = gathered;
    gathered = [];
    const news = newsOfSlots(stats);
    emit({
      type: "step",
      events,
      ...(news === undefined ? {} : { slots: news }),
      ...(stats === undefined ? {} : { stats }),
    });
  }

  return {
    add(...events) {
      gathered.push(...events);
    },
    flush(stats) {
      if (gathered.length > 0 || stats !== undefined) send(stats);
    },
    beat: () => send(undefined),
  };
}
