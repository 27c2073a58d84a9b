// Owns what others may follow of jobs' lives: who counts what a client uses, who writes traces.
import type { Job, Outcome } from "./job.ts";

/** Each function returns at once and does not throw. `model` is the name that the job's model is served under. */
export interface JobObserver {
  /** It has its slot, and the size of its prompt is known. */
  started(job: Job, model: string): void;
  tokensCame(job: Job, tokens: number, model: string): void;
  /** Its state has its last counts. */
  ended(job: Job, outcome: Outcome, model: string): void;
}
