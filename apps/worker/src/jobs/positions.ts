// Owns when waiting jobs are told that they moved up: when it changed, and once a second at most.
import type { Clock, TimerHandle } from "@waggle/async";

export interface Positions {
  /** Something moved; the announcement follows within the interval. */
  changed(): void;
  stop(): void;
}

export function createPositions(options: {
  readonly clock: Clock;
  readonly intervalMs: number;
  readonly announce: () => void;
}): Positions {
  let timer: TimerHandle | undefined;
  return {
    changed() {
      timer ??= options.clock.setTimeout(() => {
        timer = undefined;
        options.announce();
      }, options.intervalMs);
    },
    stop() {
      timer?.cancel();
      timer = undefined;
    },
  };
}
