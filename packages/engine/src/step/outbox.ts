// Collects job events and sends them from the engine as one message, with the slots' status if that has changed.
import type { SlotStatus } from "@waggle/protocol";
import type { EngineEvent, JobEvent, StepStats } from "../port/messages.ts";
import { slotStatus, type Slot, type SlotState } from "../schedule/slots.ts";

/** Time between two updates of the slots' token counts, measured in passes and their gaps: often enough for a display. */
const countsIntervalMs = 200;

export interface Outbox {
  add(...events: readonly JobEvent[]): void;
  /** Sends the collected events, and the stats of a pass if there was one; without events and stats, sends nothing. */
  flush(stats?: StepStats): void;
  /** Sends a message even without events, as a sign of life. */
  beat(): void;
}

export function createOutbox(slots: readonly Slot[], emit: (event: EngineEvent) => void): Outbox {
  let gathered: JobEvent[] = [];
  /** The state of each slot, with its job, in the last message. */
  let sent: readonly SlotState[] = [];
  let passedMs = 0;

  /** Returns the status of all slots when a slot has changed its state or its job; changes of counts alone can wait. */
  function changedSlots(stats: StepStats | undefined): readonly SlotStatus[] | undefined {
    if (stats !== undefined) passedMs += stats.passMs + stats.gapMs;
    if (slots.every(({ state }, i) => state === sent[i]) && passedMs < countsIntervalMs) return undefined;
    sent = slots.map(({ state }) => state);
    passedMs = 0;
    return slots.map(slotStatus);
  }

  function send(stats: StepStats | undefined): void {
    const events = gathered;
    gathered = [];
    const changed = changedSlots(stats);
    emit({
      type: "step",
      events,
      ...(changed === undefined ? {} : { slots: changed }),
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
