// Owns what somebody may follow of one job's work, in the engine's own words: who does it for another machine tells that machine.
import type { JobEvent } from "@waggle/engine";
import type { Outcome } from "./job.ts";

/** Of a job with one sequence. Each function returns at once and does not throw. */
export interface JobFollower {
  /** What the engine has told of the job, once the job's state knows of it. */
  event(event: JobEvent): void;
  /**
   * The engine has died while it held the job; the job may go on under the next one.
   * @param inARow so many engines, this one included, have died under it without anything new from it
   */
  engineLost(inARow: number): void;
  /** It is over: the last call, and the only one of its kind. */
  ended(outcome: Outcome): void;
}
