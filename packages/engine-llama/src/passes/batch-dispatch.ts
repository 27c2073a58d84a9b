// Decides when the library computes its queue, and calls back when the computation starts.
import type { CustomBatchingDispatchSchedule } from "node-llama-cpp";

export interface BatchDispatch {
  /** Option of the library's context. Computes at the next tick: only promises delay a step's entries, so all entries are in the queue by then. */
  readonly schedule: CustomBatchingDispatchSchedule;
  /** Sets the callback of the next batch. The callback is called once, when the batch computes on a thread of libuv's pool. */
  onNext(underway: (() => void) | undefined): void;
}

export function createBatchDispatch(): BatchDispatch {
  let pending: (() => void) | undefined;

  function announce(): void {
    const underway = pending;
    pending = undefined;
    underway?.();
  }

  return {
    schedule(dispatch) {
      process.nextTick(() => {
        dispatch();
        // Only promises are between `dispatch` and the start of the computation.
        if (pending !== undefined) setImmediate(announce);
      });
    },
    onNext(underway) {
      pending = underway;
    },
  };
}
