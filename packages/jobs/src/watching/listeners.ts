// Defines the interfaces of listeners: to one job's engine events, or to the starts, tokens and ends of all jobs.
import type { JobEvent } from "@waggle/engine";
import type { Job, Outcome } from "../job/job.ts";

/** Listens to one job with one sequence: a worker of a fleet forwards the job's events. Each function returns at once and does not throw. */
export interface JobListener {
  /** An event of the engine, after the job's state includes it. */
  event(event: JobEvent): void;
  /**
   * The engine died while it held the job; the job may continue under the next one.
   * @param inARow engines in a row, including this one, that died under the job without new output
   */
  engineLost(inARow: number): void;
  /** The job is over. This is the last call. */
  ended(outcome: Outcome): void;
}

/** Observes all jobs: accounts count a client's usage, traces write spans. Each function returns at once and does not throw. `model` is the served name. */
export interface JobObserver {
  /** The job has its slot, and the size of its prompt is known. */
  started(job: Job, model: string): void;
  tokensCame(job: Job, tokens: number, model: string): void;
  /** The job's state has its last counts. */
  ended(job: Job, outcome: Outcome, model: string): void;
}
