// Allows at most one trial of a count at a time. The next trial begins only when the compute time since the last trial is
// long relative to the time that it lost.

/** A trial no longer blocks other trials after this many passes without a pass of its kind. */
const mostAwaitedPasses = 32;

export interface Trials {
  /** Compute time of all passes so far. Milliseconds. */
  readonly computedMs: number;
  /** Records a pass that has ended, whatever its kind. */
  observe(passMs: number): void;
  /** Gives the next pass to this trial if no other trial blocks it, and returns whether it did. */
  take(trial: object): boolean;
  /** Ends the trial. No trial begins or continues before `owedMs` more milliseconds are computed. */
  end(trial: object, owedMs: number): void;
}

export function createTrials(): Trials {
  let running: object | undefined;
  let passes = 0;
  /** The number of passes when the running trial took its last pass. */
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
