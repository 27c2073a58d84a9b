// Owns what a job is. What can change in it is its state, which `reduce` alone computes and the dispatcher alone replaces.
import type { Deferred, TimerHandle } from "@waggle/async";
import type { PromptLogprobEntry, Token } from "@waggle/engine";
import type { CancelledBy, ErrorCode, FinishReason, JobStateName, StoppedBy, WaggleError } from "@waggle/protocol";
import type { MessageDraft } from "./answer-message.ts";
import type { JobFollower } from "./job-follower.ts";
import type { JobSpec } from "./job-spec.ts";
import type { ReplayLog } from "./replay-log.ts";
import type { TextDigests } from "./text-digests.ts";

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

/** What clients are told of a job that has not ended. */
export type Stage = Extract<JobStateName, "queued" | "prefill" | "decode">;

export type Phase =
  /** In the admission queue. */
  | { readonly name: "queued" }
  /** Behind the running job of its session, which is being ended for it. */
  | { readonly name: "blocked" }
  /** With the engine. */
  | { readonly name: "running"; readonly stage: Stage }
  /** With the engine, which was told to release it: it will end like this. */
  | { readonly name: "ending"; readonly stage: Stage; readonly outcome: Outcome }
  | { readonly name: "ended"; readonly outcome: Outcome };

/** What the engine counted; for a job that never reached it, or died with it, what the worker saw. Milliseconds. */
export interface JobCounts {
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly completionTokens: number;
  readonly prefillMs: number;
  readonly decodeMs: number;
}

/** One sequence of a job, which the engine knows as a job of its own: one for each choice. */
export interface SequenceState {
  /** The engine's name for it. The first one's is the job's own. */
  readonly uid: string;
  readonly choice: number;
  /** The engine has it. */
  readonly held: boolean;
  /** The slot that it runs in, or ran in last. */
  readonly slot: number | undefined;
  /** Set when it came to an end by itself. */
  readonly stoppedBy: StoppedBy | undefined;
  /** The stop string that it ended with. */
  readonly stopString: string | undefined;
  /** Of an answer to messages: what it has said so far; undefined once that is more than a stream may hold. */
  readonly message: MessageDraft | undefined;
  /** What the engine counted, once it is over. */
  readonly counts: JobCounts | undefined;
  /** From the job's start to its own, in ms: choices need not begin in the same step. */
  readonly startedMs: number;
  /** Of its last token, in ms from the job's start. */
  readonly lastTokenMs: number | undefined;
}

/** Everything about a job that changes; replaced as a whole. Times are the daemon clock's milliseconds. */
export interface JobState {
  readonly phase: Phase;
  readonly sequences: readonly SequenceState[];
  readonly counts: JobCounts;
  /** The first text of its prompt that was in no cache, where the engine told of it. */
  readonly differsAt: string | undefined;
  readonly startedAt: number | undefined;
  readonly firstTokenAt: number | undefined;
  readonly endedAt: number | undefined;
  /** It has said something, or computed a vector, under the engine that has it, or had it last. */
  readonly hasSpoken: boolean;
  /** Engines that died under it in a row, none of which heard anything new of it. */
  readonly enginesLost: number;
  /** Times that it went on from what it had said, under another engine. */
  readonly resumptions: number;
}

/** What a choice has said so far, in the words of the engine's SaidTokens. It grows with each token event. */
export interface SaidSoFar {
  readonly ids: Token[];
  events: number;
}

export type JobTimer = "deadline" | "orphaned" | "grace" | "overdue" | "forget";

export interface Job {
  /** Unique in this process; the engine's name for it. */
  readonly uid: string;
  /** The client's name for it: `job_id`, `stream_id`. */
  readonly id: string;
  /** Once the job has ended, without what only the engine needed. */
  spec: JobSpec;
  readonly sessionKey: string | undefined;
  readonly log: ReplayLog;
  /** Of all that the log was ever told. */
  readonly digests: TextDigests;
  /** Of a job of texts: one for each, in order, complete once it has finished; to a document its logit alone. */
  readonly vectors: (readonly number[])[];
  /**
   * Of the prompt, where they were asked for: one for each token, complete before the first token of the answer. Who wants them takes the list
   * when the job is accepted: they are too many to be kept with a job that has ended.
   */
  promptLogprobs: PromptLogprobEntry[];
  /** By choice; empty once the job has ended. */
  said: readonly SaidSoFar[];
  readonly follower: JobFollower | undefined;
  readonly acceptedAt: number;
  /** Prompt tokens that were in no cache when the engine was asked; undefined where it did not answer in time, and where no token is to come. */
  readonly uncachedTokens: number | undefined;
  /** What the ids of its tool calls have in common: no other job's have it. Fixed once it runs. */
  callKey: string;
  /** It was accepted elsewhere, and is told again here. */
  readonly adopted: boolean;
  /** Of one that was adopted: the first of its tokens were too old to be told again. */
  beginsLate: boolean;
  /** Resolves once the job has ended and everything that follows from it is done. */
  readonly ended: Deferred<void>;
  readonly timers: Map<JobTimer, TimerHandle>;
  /** Readers attached now. */
  readers: number;
  state: JobState;
}

export function hasEnded({ state }: Job): boolean {
  return state.phase.name === "ended";
}

/** Waits for a slot, wherever it stands. */
/** How long that one waits that waits longest; 0 where none does. @param now the daemon clock's milliseconds */
export function oldestWaitMs(jobs: readonly Job[], now: number): number {
  return jobs.filter(isWaiting).reduce((longest, { acceptedAt }) => Math.max(longest, now - acceptedAt), 0);
}

export function isWaiting({ state }: Job): boolean {
  return state.phase.name === "queued" || state.phase.name === "blocked";
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

export function failureOf({ code, message, details }: WaggleError): Outcome {
  return { type: "failed", code, message, details };
}

export function finishReasonOf(by: StoppedBy): Exclude<FinishReason, "cancelled"> {
  return by === "end" || by === "stop_string" ? "stop" : "length";
}

/** What stands for the outcome in a log or a metric. */
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
