// Implements waits for a condition, such as "no job is live".
import { deferred, type Deferred } from "./deferred.ts";

export interface Condition {
  /** Resolves when the condition holds, or at once. */
  wait(): Promise<void>;
  /** Called after a change: resolves the waits if the condition holds now. */
  check(): void;
}

export function createCondition(holds: () => boolean): Condition {
  let waiting: Deferred<void> | undefined;
  return {
    wait: async () => {
      if (!holds()) await (waiting ??= deferred<void>()).promise;
    },
    check() {
      if (!holds()) return;
      waiting?.resolve();
      waiting = undefined;
    },
  };
}
