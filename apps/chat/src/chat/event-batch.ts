// Owns how often a stream changes the page: events are collected and handed on together, a few dozen times a second at most.
import type { StreamEvent } from "@waggle/protocol";

/** About as often as the eye notices; a fast model sends a thousand tokens a second. */
const batchIntervalMs = 40;

export interface EventBatch {
  /** The first event after a pause, and a terminal one, are handed on at once. */
  add(event: StreamEvent): void;
  /** Hands on what has been collected. */
  flush(): void;
}

export function createEventBatch(onEvents: (events: readonly StreamEvent[]) => void): EventBatch {
  let collected: StreamEvent[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    if (collected.length === 0) return;
    const events = collected;
    collected = [];
    onEvents(events);
  }

  return {
    add(event) {
      collected.push(event);
      if (event.type === "end" || event.type === "error") return flush();
      if (timer !== undefined) return;
      if (collected.length === 1) flush();
      timer = setTimeout(flush, batchIntervalMs);
    },
    flush,
  };
}
