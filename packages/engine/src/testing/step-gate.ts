// Owns a gate that holds the steps of a fake backend, so that a test decides when each pass ends.
import { deferred, type Deferred } from "@waggle/async";

export interface StepGate {
  /** The value for the `gate` option of the fake backend. */
  readonly pass: () => Promise<void>;
  /** Lets this many steps through, now or when they come. */
  step(count?: number): void;
  /** Lets every step through from now on. */
  open(): void;
  /** Resolves as soon as a step waits at the gate. */
  held(): Promise<void>;
}

export function createStepGate(): StepGate {
  let allowed = 0;
  let holding: Deferred<void> | undefined;
  let nextHold = deferred<void>();

  function admit(): void {
    if (holding === undefined || allowed === 0) return;
    allowed -= 1;
    if (nextHold.settled) nextHold = deferred();
    holding.resolve();
    holding = undefined;
  }

  return {
    pass() {
      const step = deferred<void>();
      holding = step;
      admit();
      if (holding === step) nextHold.resolve();
      return step.promise;
    },
    step(count = 1) {
      allowed += count;
      admit();
    },
    open() {
      allowed = Infinity;
      admit();
    },
    held: () => nextHold.promise,
  };
}
