// Defines listeners to one job's engine events, and observers of the starts, tokens and ends of all jobs.
import type { JobEvent } from "@waggle/engine";
import type { Job, Outcome } from "../job/job.ts";

/** Listens to a job with one sequence: a worker of a fleet forwards the job's events. The functions return at once and do not throw. */
export interface JobListener {
  /** An event of the engine. The job's state includes the event already, except for `finished`, `failed` and `cancelled`. */
  event(event: JobEvent): void;
  /**
   * The engine died while running the job, which may continue under the next engine.
   * @param inARow number of engines in a row, including this one, that died while running the job, without new output
   */
  engineLost(inARow: number): void;
  /** The job has ended. This is the last call. */
  ended(outcome: Outcome): void;
}

/**
 * Observes all jobs: accounts count a client's usage, traces write spans. The functions return at once and do not throw. `model` is the served
 * name.
 */
export interface JobObserver {
  /** The job has its slot, and the number of its prompt's tokens is known. */
  started(job: Job, model: string): void;
  tokensCame(job: Job, tokens: number, model: string): void;
  /** The job's state has its final counts. */
  ended(job: Job, outcome: Outcome, model: string): void;
}
