// Defines the types around a dispatcher: its interfaces for the front and for the daemon, and its limits.
import type { Clock } from "@waggle/async";
import type { CancelledBy, StepCosts, WaggleError } from "@waggle/protocol";
import type { AdmissionQueue } from "@waggle/queue";
import type { Fingerprints, Job, TakenOver } from "../job/job.ts";
import type { Calls } from "../job/job-calls.ts";
import type { JobSpec } from "../job/job-spec.ts";
import type { JobDefaults, PromptSize } from "../job/new-job.ts";
import type { LiveJobs } from "../kept/registry.ts";
import type { OpenReader, ReaderLimits } from "../stream/reader.ts";
import type { JobListener, JobObserver } from "../job/observers.ts";
import type { Executor, PreflightWork } from "./executor-port.ts";
import type { Queries } from "./queries.ts";

export interface Submission {
  readonly listener?: JobListener | undefined;
  /** Whether the client has left, so that the job is refused before it supersedes another job. */
  readonly hasLeft?: (() => boolean) | undefined;
}

/** The front's interface to the jobs of all models. */
export interface JobDispatcher {
  /** @throws WaggleError invalid_argument, conflict, resource_exhausted, unavailable, cancelled; then no job has changed */
  submit(spec: JobSpec, how?: Submission): Promise<Job>;
  /** Checks the work of a job that comes later, if at all. Undefined without an answer in time. @throws WaggleError if the work cannot run */
  preflight(spec: JobSpec): Promise<PromptSize | undefined>;
  /** The job's queue position: 1 is next, 0 is running; undefined once the job has ended. */
  position(job: Job): number | undefined;
  /** Asks for the job's end and returns at once; `job.ended` resolves when the job has ended. Idempotent. */
  cancel(job: Job, by: CancelledBy): void;
  /** The session's live job, if any. */
  sessionJob(client: string, sessionId: string): Job | undefined;
  readonly openReader: OpenReader;
}

/** Jobs that continue after a refusal. `begun`: jobs with output, also if their engine dies, and jobs with running calls. `accepted`: all jobs. */
export type Spared = "none" | "begun" | "accepted";

/** The daemon's interface to the jobs of one model. */
export interface Dispatcher extends JobDispatcher {
  /**
   * Takes over a job that another gateway accepted. A job that was waiting enters the queue, even if the queue is full. A job that was published is
   * started at once.
   * @param how `callKey` is the common part of the job's tool call ids at the other gateway
   */
  takeOver(spec: JobSpec, how: { readonly callKey: string; readonly takenOver: TakenOver }): Job;
  preflight(work: PreflightWork): Promise<PromptSize | undefined>;
  /** Asks about the model. */
  readonly query: Queries["ask"];
  /** What the engine's steps cost, for the forecast. */
  measured(costs: StepCosts): void;
  /** Another model replaces the model of the jobs. Jobs with output end with `engine_failed`. */
  onModelChanged(): void;
  /** Accepts jobs again after a `refuse`. */
  accept(): void;
  /**
   * Refuses new jobs with this error from now on, and ends every job that waits for a slot or for consent, unless it is spared. Lane jobs end too.
   * @param spares "none" by default
   */
  refuse(error: WaggleError, spares?: Spared): void;
  /**
   * Ends all jobs with this error; submissions and queries that wait for the engine fail.
   * @param leaves whether another server continues the job: then its stream is cut without an end
   */
  abort(error: WaggleError, leaves?: (job: Job) => boolean): void;
  /** Resolves when no job is live. */
  idle(): Promise<void>;
  /** Resolves when the executor has no sequence of a job, and no query waits for an answer. Jobs may still wait in the queue. */
  still(): Promise<void>;
  /** Has the running lane jobs release their slots. They wait again. */
  yieldLane(): void;
  /** Number of jobs that wait for a slot, without lane jobs. */
  readonly waiting: number;
  /** Number of sequences that the executor has, each in a slot, without those of lane jobs: the server is not busy with what gives way. */
  readonly running: number;
  /** Number of all sequences that the executor has. */
  readonly sequences: number;
  /** Number of the lane's jobs that wait or run. */
  readonly laneJobs: number;
  stop(): void;
}

/** Finds a client's job by its id, at this gateway or at another. */
export interface JobFinder {
  /** Resolves with undefined for an unknown or forgotten job. @throws WaggleError unavailable while the other gateways cannot be asked */
  find(client: string, id: string): Promise<Job | undefined>;
  /** Like `find`, but resolves with undefined for a job of another request, and does not take such a job over. */
  join(client: string, id: string, requestDigest: string | undefined): Promise<Job | undefined>;
  /** Cancels the session's job at another gateway. Resolves with the job's id when it has ended, or undefined. @throws WaggleError unavailable */
  cancelSession(client: string, sessionId: string): Promise<string | undefined>;
}

/** Limits in milliseconds and bytes, from the settings. */
export interface JobLimits extends JobDefaults, ReaderLimits {
  readonly replayBufferBytes: number;
  readonly unclaimedTimeoutMs: number;
  /** How long the end of a job waits for the engine to release the job's slot. */
  readonly supersedeTimeoutMs: number;
}

export interface DispatcherOptions {
  readonly queue: AdmissionQueue<Job>;
  readonly registry: LiveJobs;
  readonly executor: Executor;
  /** Runs the tool calls of jobs; undefined where no job has any. */
  readonly calls?: Calls | undefined;
  /** Called in this order. */
  readonly observers: readonly JobObserver[];
  readonly clock: Clock;
  readonly limits: JobLimits;
  /** Returns the served name of the model. */
  readonly model: () => string;
  /** The prefix of this dispatcher's job uids. Dispatchers that share a registry need different prefixes. */
  readonly uidPrefix: string;
  /** Returns the fingerprints of the model that runs or ran this job. */
  readonly fingerprints: (job: Job) => Fingerprints;
}
