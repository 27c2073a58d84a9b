// Owns that at most one trial runs at a time, and that what one has lost is paid back before the next begins. It knows
// nothing of what is tried.

/** Passes of other kinds after which a trial whose own kind stays away no longer holds up others. */
const mostAwaitedPasses = 32;

export interface Trials {
  /** Compute of all passes so far, in ms. */
  readonly computedMs: number;
  /** A pass has ended, whatever its kind. */
  observe(passMs: number): void;
  /** Whether this trial may have the next pass of its kind: from then on it is the one that runs. */
  take(trial: object): boolean;
  /** None begins or goes on before so many ms more are computed. */
  end(trial: object, owedMs: number): void;
}

export function createTrials(): Trials {
  let running: object | undefined;
  let passes = 0;
  /** How many passes there were when the running trial took its last one. */
  let lastTaken = 0;
  let computedMs = 0;
  let paidAtMs = 0;

  return {
    get computedMs() {
      return computedMs;
    },
    observe(passMs) {
      passes += 1;
      computedMs += passMs;
    },
    take(trial) {
      const isFree = running === undefined || passes - lastTaken > mostAwaitedPasses;
      if (running !== trial && (!isFree || computedMs < paidAtMs)) return false;
      running = trial;
      lastTaken = passes;
      return true;
    },
    end(trial, owedMs) {
      if (running === trial) running = undefined;
      paidAtMs = Math.max(paidAtMs, computedMs + owedMs);
    },
  };
}
