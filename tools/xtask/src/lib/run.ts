// Keeps the state of a run of worker:test: the current action, the failures, and whether it may continue.
import { until } from "@waggle/testing/harness";

export interface Run {
  /** Aborts with the reason why the run cannot continue. */
  readonly signal: AbortSignal;
  readonly failures: readonly string[];
  /** The current action; completes the sentence "… while". */
  doing: string;
  /** Waits for the promise; throws the reason when the run is aborted first. */
  wait<T>(doing: string, promise: Promise<T>): Promise<T>;
  /** Records a failure; the run continues. */
  fail(message: string): void;
  /** Ends the run; only the first reason is kept. */
  abort(reason: string): void;
}

export function createRun(onFailure: (message: string) => void): Run {
  const controller = new AbortController();
  const failures: string[] = [];
  const run: Run = {
    signal: controller.signal,
    failures,
    doing: "nothing had begun",
    wait(doing, promise) {
      run.doing = doing;
      return until(promise, controller.signal);
    },
    fail(message) {
      failures.push(message);
      onFailure(message);
    },
    abort: (reason) => controller.abort(new Error(reason)),
  };
  return run;
}
