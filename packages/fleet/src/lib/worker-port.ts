// Owns what the fleet sees of a worker: the models that it can run jobs of now, and what it answers.
import type { JobFollower, JobSpec } from "@waggle/jobs";
import type { FleetModelFile, WorkerAnswer, WorkerMember, WorkerQuestion } from "./records.ts";

/** A job changes hands: this worker goes on with what another one has said, hands its own over, or finds that another one has it. */
export type Move = "continued" | "handed_over" | "lost";

export interface WorkerPort {
  readonly id: string;
  readonly version: string;
  /** What the others are told; `takesJobs` is for the fleet's side to say. */
  member(): Omit<WorkerMember, "version" | "takesJobs">;
  /** Those that are loaded and take jobs. */
  models(): readonly RunnableModel[];
  /** Called at once each time, and must not throw. */
  moved(how: Move): void;
  /** All but an offer, about a model that is loaded. @throws WaggleError */
  answer(question: Exclude<WorkerQuestion, { kind: "offer" }>): Promise<WorkerAnswer>;
}

export interface RunnableModel {
  readonly name: string;
  readonly slots: number;
  /** Slots that nobody has and nobody waits for here. */
  free(): number;
  file(): FleetModelFile;
  /** @throws WaggleError as any submission; then nothing has begun */
  run(spec: JobSpec, follower: JobFollower): Promise<{ cancel(): void }>;
}
