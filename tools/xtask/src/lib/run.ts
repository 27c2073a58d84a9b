// Owns what a run of worker:test knows about itself: what it is doing, what has failed, and whether it may go on.
import { until } from "@waggle/harness";

export interface Run {
  /** Aborts with the reason why the run cannot go on. */
  readonly signal: AbortSignal;
  readonly failures: readonly string[];
  /** What it waits for; completes the sentence "… while". */
  readonly doing: string;
  begin(doing: string): void;
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
  let doing = "nothing had begun";
  return {
    signal: controller.signal,
    failures,
    get doing() {
      return doing;
    },
    begin(what) {
      doing = what;
    },
    wait(what, promise) {
      doing = what;
      return until(promise, controller.signal);
    },
    fail(message) {
      failures.push(message);
      onFailure(message);
    },
    abort: (reason) => controller.abort(new Error(reason)),
  };
}
