// Owns the moment at which the library computes what is in its queue, and the news that it does.
import type { CustomBatchingDispatchSchedule } from "node-llama-cpp";

export interface BatchDispatch {
  /** For the context. Entries reach the queue through promises alone, so all of them are there at the next tick. */
  readonly schedule: CustomBatchingDispatchSchedule;
  /** Called once, when the next batch computes on its own thread. */
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
