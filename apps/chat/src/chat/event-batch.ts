// Owns how often a stream changes the page: events are collected and handed on together, some dozen times a second at most, and less often
// where showing them takes long, so that the page is never busy with them alone.
import type { StreamEvent } from "@waggle/protocol";

/** About as often as the eye notices; a fast model sends a thousand tokens a second. */
const batchIntervalMs = 40;
/** Showing a batch is followed by three times as long for everything else. */
const restShare = 3;
const maxRestMs = 500;

export interface EventBatch {
  /** The first event after a pause, and a terminal one, are handed on at once. */
  add(event: StreamEvent): void;
  /** Hands on what has been collected. */
  flush(): void;
}

/** @param now milliseconds that only grow */
export function createEventBatch(
  onEvents: (events: readonly StreamEvent[]) => void,
  now: () => number = () => performance.now(),
): EventBatch {
  let collected: StreamEvent[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;

  function handOn(): void {
    const events = collected;
    collected = [];
    const begun = now();
    // What the events change is drawn before the next turn of the event loop.
    timer = setTimeout(() => {
      const tookMs = now() - begun;
      const restMs = Math.min(maxRestMs, Math.max(batchIntervalMs - tookMs, restShare * tookMs));
      timer = setTimeout(next, restMs);
    }, 0);
    onEvents(events);
  }

  function next(): void {
    timer = undefined;
    if (collected.length > 0) handOn();
  }

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    const events = collected;
    collected = [];
    if (events.length > 0) onEvents(events);
  }

  return {
    add(event) {
      collected.push(event);
      if (event.type === "end" || event.type === "error") flush();
      else if (timer === undefined) handOn();
    },
    flush,
  };
}
