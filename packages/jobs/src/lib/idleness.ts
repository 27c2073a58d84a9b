// Owns who waits until no job is live.
import { deferred } from "@waggle/async";
import type { Deferred } from "@waggle/async";

export interface Idleness {
  /** Resolves when nothing is live, at once if nothing is. */
  wait(): Promise<void>;
  /** Something is no longer live: those who wait are told if it was the last. */
  changed(): void;
}

export function createIdleness(isIdle: () => boolean): Idleness {
  let idle: Deferred<void> | undefined;
  return {
    wait: async () => {
      if (!isIdle()) await (idle ??= deferred<void>()).promise;
    },
    changed() {
      if (!isIdle()) return;
      idle?.resolve();
      idle = undefined;
    },
  };
}
