// Defines observers of all jobs, and listeners to one job's engine events.
import type { JobEvent } from "@waggle/engine";
import type { StatusEvent } from "@waggle/protocol";
import type { Job, Outcome } from "./job.ts";

/** What happened to a job. The job's state includes it already. */
export type Observation =
  | { readonly type: "accepted" }
  /** The job that this job supersedes has ended. `cleanly`: the engine has released that job. */
  | { readonly type: "predecessor_ended"; readonly cleanly: boolean }
  /** The stream has a new status event. */
  | { readonly type: "status"; readonly event: StatusEvent }
  /** The first sequence of the job's step has its slot, and the number of the prompt's tokens is known. */
  | { readonly type: "started" }
  /** The job continues after its earlier output. */
  | { readonly type: "resumed" }
  /** The answer has calls, which the worker runs; the job has no slot meanwhile. */
  | { readonly type: "calling" }
  /** The calls have their results, and the job continues with its next step. */
  | { readonly type: "continues" }
  /** The context pool is full, so one of the job's sequences has left its KV cache until there is room. */
  | { readonly type: "parked" }
  /** The engine has produced model tokens. `first`: the step's first ones. `sincePreviousMs` is undefined for the first tokens of a sequence. */
  | {
      readonly type: "tokens";
      readonly tokens: number;
      readonly first: boolean;
      readonly sincePreviousMs: number | undefined;
    }
  /** The engine has released a cancelled sequence, this number of forward passes after the cancel. */
  | { readonly type: "released"; readonly steps: number }
  /** The answer has this number of pieces that looked like tool calls and could not be parsed. */
  | { readonly type: "unreadable_calls"; readonly calls: number }
  /** A reader was cut off, because it was too slow. */
  | { readonly type: "reader_cut_off" }
  /** The job's last event is in the log, and its state has the final counts. */
  | { readonly type: "ended"; readonly outcome: Outcome };

/**
 * Observes all jobs: the log and the metrics, accounts that count a client's usage. Returns at once and does not throw.
 * @param model the model's served name
 */
export type JobObserver = (job: Job, what: Observation, model: string) => void;

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
