// Defines the type of a job. A job's state is replaced as a whole: `reduce` computes the new state, and the dispatcher stores it.
import type { Deferred, TimerHandle } from "@waggle/async";
import type { PromptLogprobEntry } from "@waggle/engine";
import type { CancelledBy, ErrorCode, FinishReason, JobStateName, StoppedBy, WaggleError } from "@waggle/protocol";
import type { MessageDraft } from "./answer-message.ts";
import type { JobListener } from "../watching/listeners.ts";
import type { JobSpec } from "./job-spec.ts";
import type { ReplayLog } from "../stream/replay-log.ts";
import type { OutputSoFar } from "../stream/output-so-far.ts";
import type { TextDigests } from "../stream/receipt.ts";

/** How a job ends: exactly one of these, exactly once. */
export type Outcome =
  | { readonly type: "finished"; readonly by: StoppedBy }
  | {
      readonly type: "failed";
      readonly code: ErrorCode;
      readonly message: string;
      readonly details?: Record<string, unknown> | undefined;
    }
  | { readonly type: "cancelled"; readonly by: CancelledBy };

/** The state of a live job, as clients see it. */
export type Stage = Extract<JobStateName, "queued" | "prefill" | "decode">;

export type Phase =
  /** In the admission queue. */
  | { readonly name: "queued" }
  /** Waits for the end of its session's running job, which it supersedes. */
  | { readonly name: "blocked" }
  /** With the engine. */
  | { readonly name: "running"; readonly stage: Stage }
  /** The engine was asked to release the job, which will then end with `outcome`. */
  | { readonly name: "ending"; readonly stage: Stage; readonly outcome: Outcome }
  | { readonly name: "ended"; readonly outcome: Outcome };

/** The engine's counts; the worker's own counts if the job never reached an engine, or its engine died. Times in milliseconds. */
export interface JobCounts {
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly completionTokens: number;
  readonly prefillMs: number;
  readonly decodeMs: number;
}

/** One sequence of a job, which is a separate job for the engine: one for each choice. */
export interface SequenceState {
  /** The engine's name for it. The first sequence has the job's uid. */
  readonly uid: string;
  readonly choice: number;
  /** Whether the engine has the sequence. */
  readonly held: boolean;
  /** The slot in which the sequence runs, or ran last. */
  readonly slot: number | undefined;
  /** Set when the sequence finished without a cancel or a failure. */
  readonly stoppedBy: StoppedBy | undefined;
  /** The stop string that ended the sequence. */
  readonly stopString: string | undefined;
  /** For a prompt of messages: the answer's text so far; undefined once it is too long to be repeated in the stream's end. */
  readonly message: MessageDraft | undefined;
  /** The engine's counts, set when the sequence has ended. */
  readonly counts: JobCounts | undefined;
  /** Milliseconds from the job's start to this sequence's start: choices need not start in the same step. */
  readonly startedMs: number;
  /** Time of the sequence's last token, in milliseconds from the job's start. */
  readonly lastTokenMs: number | undefined;
}

/** Everything about a job that changes; replaced as a whole. Times are the daemon clock's milliseconds. */
export interface JobState {
  readonly phase: Phase;
  readonly sequences: readonly SequenceState[];
  readonly counts: JobCounts;
  /** The first text of the prompt that was not in a cache, if the engine reports it. */
  readonly differsAt: string | undefined;
  readonly startedAt: number | undefined;
  readonly firstTokenAt: number | undefined;
  readonly endedAt: number | undefined;
  /** Whether the present or last engine has produced a new token or vector of the job. */
  readonly hasNewOutput: boolean;
  /** Engines in a row that died while running the job, without new output. */
  readonly enginesLost: number;
  /** How often a job with output continued under another engine. */
  readonly resumptions: number;
}

export type JobTimer = "deadline" | "orphaned" | "grace" | "overdue" | "forget";

export interface Job {
  /** Unique in this process; the engine's name for it. */
  readonly uid: string;
  /** The client's name for it: `job_id`, `stream_id`. */
  readonly id: string;
  /** The request. When the job has ended, the content that only the engine needed is removed. */
  spec: JobSpec;
  readonly sessionKey: string | undefined;
  readonly log: ReplayLog;
  /** Digests of the text of all token events, including those that the log has dropped. */
  readonly digests: TextDigests;
  /** For embed and rerank jobs: one vector per text, in order, complete when the job has finished. A document's vector is only its logit. */
  readonly vectors: (readonly number[])[];
  /**
   * Logprobs of the prompt's tokens, if requested: one entry per token, complete before the first token of the answer. A reader takes the list when
   * the job is accepted, because the list is too long to be kept with an ended job.
   */
  promptLogprobs: PromptLogprobEntry[];
  /** The output so far of each choice; empty when the job has ended. */
  output: readonly OutputSoFar[];
  readonly listener: JobListener | undefined;
  readonly acceptedAt: number;
  /** Prompt tokens that were in no cache at the preflight; undefined if the engine did not answer in time, and for jobs without tokens. */
  readonly uncachedTokens: number | undefined;
  /** The common part of the ids of the job's tool calls. It is unique for each job, and does not change after the job has started. */
  callKey: string;
  /** Another gateway accepted the job; this gateway builds the stream from the job's records. */
  readonly takenOver: boolean;
  /** The job was taken over without its first tokens, because NATS had deleted their records by age. */
  beginsLate: boolean;
  /** Resolves once the job has ended and everything that depends on it is freed. */
  readonly ended: Deferred<void>;
  readonly timers: Map<JobTimer, TimerHandle>;
  /** Readers attached now. */
  readers: number;
  state: JobState;
}

export function hasEnded({ state }: Job): boolean {
  return state.phase.name === "ended";
}

/** Whether the job waits for a slot, in the queue or for the end of its session's running job. */
export function isWaiting({ state }: Job): boolean {
  return state.phase.name === "queued" || state.phase.name === "blocked";
}

/** The longest wait of these jobs; 0 if no job waits. @param now the daemon clock's milliseconds */
export function oldestWaitMs(jobs: readonly Job[], now: number): number {
  return jobs.filter(isWaiting).reduce((longest, { acceptedAt }) => Math.max(longest, now - acceptedAt), 0);
}

/** The state's name on the wire. */
export function stateNameOf({ phase }: JobState): JobStateName {
  switch (phase.name) {
    case "queued":
    case "blocked":
      return "queued";
    case "running":
    case "ending":
      return phase.stage;
    case "ended":
      return phase.outcome.type;
  }
}

export function failedWith({ code, message, details }: WaggleError): Outcome {
  return { type: "failed", code, message, details };
}

export function finishReasonOf(by: StoppedBy): Exclude<FinishReason, "cancelled"> {
  return by === "end" || by === "stop_string" ? "stop" : "length";
}

/** The outcome in one word, for a log or a metric. */
export function reasonOf(outcome: Outcome): string {
  switch (outcome.type) {
    case "finished":
      return finishReasonOf(outcome.by);
    case "failed":
      return outcome.code;
    case "cancelled":
      return outcome.by;
  }
}

/** The job's uid from a sequence's. */
export function jobUidOf(sequenceUid: string): string {
  return sequenceUid.split(".", 1)[0] ?? sequenceUid;
}
