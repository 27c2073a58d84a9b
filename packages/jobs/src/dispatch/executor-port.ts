// Defines the dispatcher's port to what runs jobs: the engine of a worker, or the workers of a fleet.
import { mayOverflow } from "@waggle/engine";
import type { EngineQuery, EngineQueryResult, JobEvent, Work } from "@waggle/engine";
import type { WaggleError } from "@waggle/protocol";
import type { Job, SequenceState } from "../job/job.ts";
import type { JobOwner, JobSpec, JobTerms } from "../job/job-spec.ts";
import type { PromptSize } from "../job/new-job.ts";

const usualPreflightMs = 80;
const overflowPreflightMs = 1_000;

/**
 * Longest time that a preflight delays the acceptance of a job, at a worker and at a gateway. Agents shorten their conversation after a response with
 * status 400, so the count of a prompt that might be too long may take longer.
 */
export function preflightTimeoutMs(work: Work, contextSize = Infinity): number {
  return mayOverflow(work, contextSize) ? overflowPreflightMs : usualPreflightMs;
}

/** A function throws only what its comment says. Other failures come as events. */
export interface Executor {
  /** Called once, before all other functions. */
  open(owner: ExecutorOwner): void;
  /** Whether the model is loaded and jobs can run. */
  readonly ready: boolean;
  /** No more jobs can start at present, although there may be free slots. */
  readonly full: boolean;
  /** Number of slots, which may change at any time. */
  readonly slots: number;
  /** Lane jobs yield at the server that runs them. The executor of a fleet starts other jobs although lane jobs have its slots. */
  readonly yieldsItself?: boolean;
  /**
   * Checks work before its job is accepted: does the prompt fit, and does the grammar compile? The work may be kept for the start, until `cancel`.
   * @param uid of the future job
   * @throws WaggleError if the work cannot run
   */
  preflight(uid: string, work: PreflightWork): Promise<Preflight>;
  /** Starts sequences of the job. Their events follow, the last of each is `finished`, `cancelled` or `failed`. */
  start(job: Job, sequences: readonly SequenceState[]): void;
  /**
   * Ends a sequence: its event `cancelled` follows. Forgets the work of a job that has not started. Anything else is ignored.
   * @param yields whether the sequence starts again later after its output so far: then the text that the engine holds back is not sent
   */
  cancel(uid: string, yields?: boolean): void;
  /** Another server continues these sequences: forgets them without an end. Only a fleet has this function. */
  leave?(uids: readonly string[]): void;
  /** Asks about the model; answered by `onAnswer`. */
  query(id: string, question: EngineQuery, client: string): void;
  /** The client of this query has left. The query is answered all the same, perhaps sooner. */
  dropQuery(id: string): void;
  /**
   * Reserves the job's id at all gateways, before the job is accepted. Only a fleet has this function.
   * @throws WaggleError conflict, payload_too_large
   */
  reserve?(spec: JobSpec & { readonly id: string }): Promise<Reservation>;
}

export interface PreflightWork extends Pick<JobSpec, "work" | "prior"> {
  readonly who: Pick<JobOwner, "client" | "sessionId" | "cacheSession">;
  readonly when: Pick<JobTerms, "priority">;
}

/**
 * The prompt's size, or why it is unknown. `late`: there was no answer in time, and `onChecked` or `onRefused` follows. `unchecked`: the work is not
 * checked before it starts. `lost`: the engine died.
 */
export type Preflight = PromptSize | "late" | "unchecked" | "lost";

/** The reserved id of a job that is not accepted yet. */
export interface Reservation {
  /** The common part of the ids of the job's tool calls. */
  readonly callKey: string;
  /** Frees the id, because the job is refused after the reservation. */
  release(): void;
}

/** The dispatcher, which the executor tells what happens. */
export interface ExecutorOwner {
  /** Events of started sequences, in order. There may be room for more jobs afterwards. */
  onEvents(events: readonly JobEvent[]): void;
  /** The executor is ready, or there may be room for more jobs. */
  onRoom(): void;
  /** The work of this job, or of this sequence, has passed the check. */
  onChecked(uid: string): void;
  /** The work of an accepted job, or of its sequence, cannot run. */
  onRefused(uid: string, error: WaggleError): void;
  onAnswer(id: string, answer: EngineQueryResult): void;
  /** The sequence's worker is gone, and another worker continues the sequence. */
  onMoved(uid: string): void;
  /**
   * The engine died. Its jobs continue under the next engine; jobs that may not continue end with this error. After `refuse` no job continues.
   * @param checking the uids of the work that the engine was checking
   */
  onLost(error: WaggleError, checking: ReadonlySet<string>): void;
}
