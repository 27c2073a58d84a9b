// Owns what the front and the daemon see of a dispatcher. One that runs its jobs on other machines would look the same.
import type { EngineEvent, EngineJob } from "@waggle/engine";
import type { CancelledBy, WaggleError } from "@waggle/protocol";
import type { Job } from "./job.ts";
import type { JobFollower } from "./job-follower.ts";
import type { JobSpec } from "./job-spec.ts";
import type { PromptSize } from "./preflight.ts";
import type { Queries } from "./queries.ts";
import type { Reader } from "./reader.ts";

/** What the front sees: jobs, whichever model they are for. */
export interface JobDispatcher {
  /** @throws WaggleError invalid_argument, conflict, resource_exhausted, unavailable; then nothing has changed and nobody was disturbed */
  submit(spec: JobSpec, follower?: JobFollower): Promise<Job>;
  /** 1 is next, 0 is running; undefined once it has ended. */
  position(job: Job): number | undefined;
  /** Asks for the job's end and returns at once; `job.ended` tells when it is over. Idempotent. */
  cancel(job: Job, by: CancelledBy): void;
  /** The session's live job, if any. */
  sessionJob(client: string, sessionId: string): Job | undefined;
  /** @param onStalled called when the reader must be cut off without having asked for more; must destroy its connection */
  openReader(job: Job, after: number, onStalled: () => void): Reader;
}

/** Of one model. */
export interface Dispatcher extends JobDispatcher {
  /**
   * A job that was accepted elsewhere. One that `waits` takes its turn in the queue, whatever the queue's limits; one that runs already, or has
   * ended, goes to `EngineLink.run` at once.
   * @param how its `callKey` is what the ids of its tool calls have in common there
   */
  adopt(spec: JobSpec, how: { readonly callKey: string; readonly waits: boolean }): Job;
  /** Asks the engine something about the model. */
  readonly query: Queries["ask"];
  /** What it would say of a job that is to come; undefined where it does not say in time. @throws WaggleError as the engine put it */
  preflight(job: EngineJob): Promise<PromptSize | undefined>;
  onEngineEvent(event: EngineEvent): void;
  onEngineReady(): void;
  /** What ran the sequence is gone, and somebody else goes on with it already. */
  onTakenOver(sequenceUid: string): void;
  /** The engine died: what it held goes on under the next one, or ends with this error where it may not, or is refused after `refuse`. */
  onEngineLost(error: WaggleError): void;
  /** Another model comes in the place of the one that jobs have spoken with: they end with `engine_failed`. */
  onModelChanged(): void;
  /** Takes jobs again after a `refuse`. */
  accept(): void;
  /** As `refuse`, but what has spoken goes on when its engine dies: another one comes, and takes nothing else. */
  drain(error: WaggleError): void;
  /** Ends everything that waits, and refuses new jobs with this error from now on. */
  refuse(error: WaggleError): void;
  /** Ends everything: jobs with this error, submissions and queries that wait for the engine with one too. */
  abort(error: WaggleError): void;
  /** Resolves when no job is live. */
  idle(): Promise<void>;
  /** Resolves when the engine holds nothing of any job, and no question waits for an answer; jobs may wait meanwhile. */
  still(): Promise<void>;
  /** Jobs that wait for a slot. */
  readonly waiting: number;
  /** Slots that the engine's jobs take. */
  readonly running: number;
  stop(): void;
}
