// Owns what a run of worker:test knows about itself: what it is doing, what has failed, and whether it may go on.
import { until } from "@waggle/harness";

export interface Run {
  /** Aborts with the reason why the run cannot go on. */
  readonly signal: AbortSignal;
  readonly failures: readonly string[];
  /** What it waits for; completes the sentence "… while". */
  doing: string;
  /** The promise's outcome, unless the run is aborted before. */
  wait<T>(doing: string, promise: Promise<T>): Promise<T>;
  /** Something did not hold, and the run goes on. */
  fail(message: string): void;
  /** The run ends here; only the first reason counts. */
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
