// Allows at most one trial at a time. The next trial begins only when the time that the last one lost is small relative to
// the compute time since. The module does not know what is tried.

/** A trial blocks other trials only until this many passes of other kinds have come without a pass of the kind under trial. */
const mostAwaitedPasses = 32;

export interface Trials {
  /** Compute time of all passes so far, in ms. */
  readonly computedMs: number;
  /** Records a pass that has ended, whatever its kind. */
  observe(passMs: number): void;
  /** Whether this trial may have the next pass of its kind; if so, it becomes the running trial. */
  take(trial: object): boolean;
  /** Ends the trial. No trial begins or continues before this many more ms are computed. */
  end(trial: object, owedMs: number): void;
}

export function createTrials(): Trials {
  let running: object | undefined;
  let passes = 0;
  /** The number of passes when the running trial took its last one. */
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
