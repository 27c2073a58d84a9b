// Owns the interface between the fleet and a worker: the models that can run jobs now, and answers to questions.
import type { JobListener, JobSpec } from "@waggle/jobs";
import type { Ability, FleetModelFile, WorkerAnswer, WorkerMember, WorkerQuestion } from "../queue/records.ts";

/** How a job moves: this worker continues another worker's job, hands a job over, or has lost a job to another worker. */
export type Move = "continued" | "handed_over" | "lost";

/** A question that the model's worker answers, with its pictures. */
export type ModelQuestion = Exclude<WorkerQuestion, { readonly kind: "offer" }>;

export interface WorkerPort {
  readonly id: string;
  readonly version: string;
  /** This worker's heartbeat; the fleet's side adds `takesJobs`. */
  member(): Omit<WorkerMember, "version" | "takesJobs" | "instance">;
  /** The models that are loaded and take jobs. */
  models(): readonly RunnableModel[];
  /** Called at once for each move; must not throw. */
  moved(how: Move): void;
  /** Answers a question about a loaded model. @throws WaggleError */
  answer(question: ModelQuestion): Promise<WorkerAnswer>;
}

export interface RunnableModel {
  readonly name: string;
  readonly slots: number;
  readonly abilities: readonly Ability[];
  /** Slots without a job, minus the jobs that wait for a slot on this worker. Lane jobs count only for a lane job: they yield to every other job. */
  free(forLane: boolean): number;
  file(): FleetModelFile;
  /** Submits a job. @throws WaggleError if the model refuses the job; no job has begun then */
  run(spec: JobSpec, listener: JobListener): Promise<{ cancel(): void }>;
}
