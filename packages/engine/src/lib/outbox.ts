// Owns how job events leave the engine: gathered, and sent with a snapshot of the slots as one message.
import type { EngineEvent, JobEvent, StepStats } from "./messages.ts";
import { slotStatus, type Slot } from "./slots.ts";

export interface Outbox {
  add(...events: readonly JobEvent[]): void;
  /** Sends what has gathered, with what the pass did if there was one; nothing when there is nothing to say. */
  flush(stats?: StepStats): void;
  /** The same, but never nothing: a sign of life. */
  beat(): void;
}

export function createOutbox(slots: readonly Slot[], emit: (event: EngineEvent) => void): Outbox {
  let gathered: JobEvent[] = [];

  function send(stats: StepStats | undefined): void {
    const events = gathered;
    gathered = [];
    emit({ type: "step", events, slots: slots.map(slotStatus), ...(stats === undefined ? {} : { stats }) });
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
