// Decides when the library computes its queue, and calls back when it does.
import type { CustomBatchingDispatchSchedule } from "node-llama-cpp";

export interface BatchDispatch {
  /** For the context. Entries reach the queue only through promises, so all of them are in the queue at the next tick. */
  readonly schedule: CustomBatchingDispatchSchedule;
  /** Sets the callback that is called once, when the next batch computes on the other thread. */
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
        // Between `dispatch` and the computing there are promises only.
        if (pending !== undefined) setImmediate(announce);
      });
    },
    onNext(underway) {
      pending = underway;
    },
  };
}
