// Owns a clock that moves only when a test advances it.
import type { Clock } from "@waggle/async";

/** Limit for a callback that arms its timer again without delay: `advance` would never return. */
const maxCallbacks = 100_000;
/** Number of cancelled timers that may stay in the heap next to as many live ones. */
const cancelledAllowed = 64;

export interface FakeClock extends Clock {
  /**
   * Advances the time and calls due timers in the order of due time, then of creation. During a callback, `now()` is the timer's due time.
   * Timers that a callback sets are called too if they fall due in time. An error in a callback ends `advance`.
   * @throws RangeError when `ms` is negative or not a number
   */
  advance(ms: number): void;
  /** The due time of the next timer; undefined without timers. */
  next(): number | undefined;
  /** Timers that are set and have neither fired nor been cancelled. */
  readonly pending: number;
}

interface Timer {
  readonly dueMs: number;
  /** Counts the timers: of two with the same due time the older one comes first. */
  readonly order: number;
  /** Undefined after the timer has fired or was cancelled. */
  fn: (() => void) | undefined;
}

/** A clock at 0 without timers. It does not run promises: a test that needs their reactions awaits them after `advance`. */
export function createFakeClock(): FakeClock {
  /** A binary heap: each timer comes before its two children. Cancelled timers stay until they reach the top or are too many. */
  let heap: Timer[] = [];
  let created = 0;
  let pending = 0;
  let nowMs = 0;

  /** The next live timer. */
  function top(): Timer | undefined {
    while (heap[0] !== undefined && heap[0].fn === undefined) removeTop();
    return heap[0];
  }

  function removeTop(): void {
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      const [left, right] = [heap[child], heap[child + 1]];
      if (left === undefined) break;
      if (right !== undefined && compare(right, left) < 0) child += 1;
      const smaller = heap[child] ?? left;
      if (compare(last, smaller) < 0) break;
      heap[index] = smaller;
      index = child;
    }
    heap[index] = last;
  }

  function add(timer: Timer): void {
    let index = heap.length;
    while (index > 0) {
      const parent = heap[(index - 1) >> 1];
      if (parent === undefined || compare(parent, timer) < 0) break;
      heap[index] = parent;
      index = (index - 1) >> 1;
    }
    heap[index] = timer;
    pending += 1;
  }

  function end(timer: Timer): void {
    if (timer.fn === undefined) return;
    timer.fn = undefined;
    pending -= 1;
    // A sorted array is a heap.
    if (heap.length > 2 * pending + cancelledAllowed) heap = heap.filter(({ fn }) => fn !== undefined).sort(compare);
  }

  return {
    now: () => nowMs,
    setTimeout(fn, ms) {
      if (!(ms >= 0)) throw new RangeError(`Cannot start a timer of ${ms} ms`);
      const timer: Timer = { dueMs: nowMs + ms, order: created++, fn };
      add(timer);
      return { cancel: () => end(timer) };
    },
    advance(ms) {
      if (!(ms >= 0)) throw new RangeError(`Cannot advance the clock by ${ms} ms`);
      const untilMs = nowMs + ms;
      let callbacks = 0;
      for (let timer = top(); timer !== undefined && timer.dueMs <= untilMs; timer = top()) {
        if (callbacks === maxCallbacks)
          throw new Error(`Cannot advance the clock: more than ${maxCallbacks} callbacks`);
        callbacks += 1;
        const { fn } = timer;
        end(timer);
        nowMs = timer.dueMs;
        fn?.();
      }
      nowMs = untilMs;
    },
    next: () => top()?.dueMs,
    get pending() {
      return pending;
    },
  };
}

function compare(a: Timer, b: Timer): number {
  return a.dueMs - b.dueMs || a.order - b.order;
}
