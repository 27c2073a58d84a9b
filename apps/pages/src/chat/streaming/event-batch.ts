// Owns how often a stream changes the page. Events are delivered in batches, at most 25 times a second, and less often if drawing takes long,
// so that drawing never takes all of the page's time.
import type { StreamEvent } from "@waggle/protocol";

/** The eye hardly notices a shorter interval, and a fast model sends a thousand tokens a second. */
const batchIntervalMs = 40;
/** Pause after each batch, as a multiple of the time that drawing the batch took. */
const restShare = 3;
const maxRestMs = 500;

export interface EventBatch {
  /** Adds an event. The first event after a pause and a terminal event are delivered at once. */
  add(event: StreamEvent): void;
  /** Delivers the collected events. */
  flush(): void;
}

/** @param now milliseconds on a monotonic clock */
export function createEventBatch(
  onEvents: (events: readonly StreamEvent[]) => void,
  now: () => number = () => performance.now(),
): EventBatch {
  const collected: StreamEvent[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;

  function handOn(): void {
    const begun = now();
    // By the next turn of the event loop, the page has drawn the changes.
    timer = setTimeout(() => {
      const tookMs = now() - begun;
      const restMs = Math.min(maxRestMs, Math.max(batchIntervalMs - tookMs, restShare * tookMs));
      timer = setTimeout(next, restMs);
    }, 0);
    onEvents(collected.splice(0));
  }

  function next(): void {
    timer = undefined;
    if (collected.length > 0) handOn();
  }

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    if (collected.length > 0) onEvents(collected.splice(0));
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
