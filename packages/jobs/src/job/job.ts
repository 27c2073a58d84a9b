// Defines a job. Its state is replaced as a whole: `reduce` computes the new state, and the dispatcher stores it.
import type { Deferred, TimerHandle } from "@waggle/async";
import type { JobTotals, PromptLogprobEntry } from "@waggle/engine";
import type {
  CancelledBy,
  ErrorCode,
  FinishReason,
  JobStateName,
  Receipt,
  StoppedBy,
  ToolCallEvent,
  WaggleError,
} from "@waggle/protocol";
import type { MessageDraft } from "./answer-message.ts";
import type { JobPhase } from "./job-phases.ts";
import type { JobListener } from "./observers.ts";
import type { JobSpec } from "./job-spec.ts";
import type { ReplayLog } from "./replay-log.ts";
import type { OutputSoFar } from "./output-so-far.ts";
import type { TextDigests } from "./text-digests.ts";

/** How a job ends. Each job gets exactly one outcome. */
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
  /** The job is in the admission queue. */
  | { readonly name: "queued" }
  /** The job waits for the end of its session's running job, which it supersedes. */
  | { readonly name: "blocked" }
  /** The engine has sequences of the job. Further sequences may wait in the queue. */
  | { readonly name: "running"; readonly stage: Stage }
  /** The engine was asked to release the job, which then ends with `outcome`. */
  | { readonly name: "ending"; readonly stage: Stage; readonly outcome: Outcome }
  /** The worker runs the tool calls of the last message. The engine holds no sequence of the job. */
  | { readonly name: "calling"; readonly call: RunningCall | undefined }
  /** The server leaves, and another server continues the job. */
  | { readonly name: "left"; readonly stage: Stage }
  | { readonly name: "ended"; readonly outcome: Outcome };

/** A call that runs, or waits for consent. */
export type RunningCall = Pick<ToolCallEvent, "call_id" | "server" | "tool" | "state">;

/** The engine's counts at the end of a step. Until then, and after the loss of an engine, the worker's counts. */
export type JobCounts = Omit<JobTotals, "unreadableCalls">;

/** One message of the model: a run from the queue to the answer. A job without tool calls has one step. */
export interface Step {
  /** 0 for the first step. */
  readonly index: number;
  /** When the step began to wait: at acceptance, or when the results of the calls before it had come. */
  readonly since: number;
  /** When the calls of the step's message began. */
  readonly calledAt: number | undefined;
  /** Index of the step's first token event, and number of the job's calls before the step. */
  readonly firstToken: number;
  readonly firstCall: number;
}

/** What the ended steps of a job took together. */
export interface StepTotals {
  readonly counts: JobCounts;
  /** Tokens after the first one of each step, which `decodeMs` has the time of. */
  readonly decoded: number;
  readonly phases: readonly JobPhase[];
}

/** One sequence of a job: each choice is a sequence, and the engine runs each sequence as a separate job. */
export interface SequenceState {
  /** The engine's name for the sequence. The first sequence has the job's uid. */
  readonly uid: string;
  readonly choice: number;
  /** Whether the engine has the sequence. */
  readonly held: boolean;
  /** The engine was asked to release the sequence, which then waits again. */
  readonly yields: boolean;
  /** The slot in which the sequence runs, or ran last. */
  readonly slot: number | undefined;
  /** Set when the sequence finished; undefined if the sequence failed or was cancelled. */
  readonly stoppedBy: StoppedBy | undefined;
  /** The stop string that ended the sequence. */
  readonly stopString: string | undefined;
  /** The answer to a conversation so far; undefined once the answer is too long to be repeated in the end event. */
  readonly message: MessageDraft | undefined;
  /** The engine's counts, set when the sequence has ended. */
  readonly counts: JobCounts | undefined;
  /** Milliseconds from the job's start to this sequence's start. Choices may start in different steps. */
  readonly startedMs: number;
  /** Time of the sequence's last token, in milliseconds from the job's start. */
  readonly lastTokenMs: number | undefined;
}

/** Times are the daemon clock's milliseconds. All but `phase`, `before` and `endedAt` are of the present step. */
export interface JobState {
  readonly phase: Phase;
  readonly step: Step;
  readonly before: StepTotals;
  readonly sequences: readonly SequenceState[];
  readonly counts: JobCounts;
  /** The first text of the prompt that was not in a cache, if the engine has reported that text. */
  readonly differsAt: string | undefined;
  readonly startedAt: number | undefined;
  readonly firstTokenAt: number | undefined;
  readonly endedAt: number | undefined;
  /** Whether the engine that runs the job, or ran it last, has produced a new token or vector. */
  readonly hasNewOutput: boolean;
  /** Number of engines in a row that died while running the job, without new output. */
  readonly enginesLost: number;
  /** How often the job has continued after its first output, under another engine or after other jobs. */
  readonly resumptions: number;
}

/** Fingerprints of the loaded model. A value is undefined while it is unknown, or without a file. Hashes are SHA-256, as 64 hexadecimal digits. */
export interface Fingerprints {
  /** Hash of the model's file; for a split model, of its parts concatenated. */
  readonly modelSha256: string | undefined;
  /** The name of the model's file. */
  readonly modelFile: string | undefined;
  /** Hash of the chat template's text. */
  readonly templateSha256: string | undefined;
}

export type StepReceipt = Receipt & { readonly step: number };

/** What a gateway had done with a job before another gateway took it over: the job waited there, or was in the fleet's queue. */
export type TakenOver = "waiting" | "published";

export type JobTimer = "deadline" | "orphaned" | "grace" | "overdue" | "forget" | "alone" | "share";

export interface Job {
  /** The engine's name for the job, unique in this process. */
  readonly uid: string;
  /** The client's name for the job: `job_id`, `stream_id`. */
  readonly id: string;
  /** The request. When the job has ended, content that only engines need is removed. */
  spec: JobSpec;
  readonly sessionKey: string | undefined;
  readonly log: ReplayLog;
  /** Digests of the text of all token events of the step, including those that the log has dropped. */
  digests: TextDigests;
  /** The receipts of the steps whose message has calls. */
  readonly receipts: StepReceipt[];
  /** The model that computed the answer, set at the job's end. */
  computedBy: Fingerprints | undefined;
  /**
   * For embed jobs, the vector of each text; for rerank jobs, a list with the logit of each document; for decide jobs, the logprobs of each reading's
   * options. Complete when the job has finished.
   */
  readonly vectors: (readonly number[])[];
  /**
   * Logprobs of the prompt's tokens, if requested: one entry per token, complete before the first token of the answer. The list is too long to be
   * kept with an ended job, so a front that needs the list keeps a reference from the job's acceptance on.
   */
  promptLogprobs: PromptLogprobEntry[];
  /** The output of each choice so far; empty when the job has ended. */
  output: readonly OutputSoFar[];
  readonly listener: JobListener | undefined;
  readonly acceptedAt: number;
  /** Number of the step's prompt tokens that were in no cache at the preflight; undefined without a preflight result. */
  uncachedTokens: number | undefined;
  /** The common part of the ids of the job's tool calls, unique for each job. It does not change after the job's start. */
  callKey: string;
  /** Set if another gateway accepted the job. If it had published the job too, this gateway only builds the stream from the job's records. */
  readonly takenOver: TakenOver | undefined;
  /** The job was taken over without its first tokens, because NATS had deleted their records by age. */
  beginsLate: boolean;
  /** Resolves when the job has ended and everything that depends on the job is freed. */
  readonly ended: Deferred<void>;
  readonly timers: Map<JobTimer, TimerHandle>;
  /** Number of open readers. */
  readers: number;
  state: JobState;
}

/** Whether nothing more happens to the job here: it has ended, or another server continues it. */
export function hasEnded({ state }: Job): boolean {
  return state.phase.name === "ended" || state.phase.name === "left";
}

/** Whether the present step has tokens in the stream, from this worker or an earlier one. */
export function hasOutput({ log, state }: Pick<Job, "log" | "state">): boolean {
  return log.nextToken > state.step.firstToken;
}

/** Whether the job waits in the queue, or for the end of its session's running job. */
export function isWaiting({ state }: Job): boolean {
  return state.phase.name === "queued" || state.phase.name === "blocked";
}

/** Whether the engine was asked to release a sequence of the job, which then waits again. @param uid of the sequence; by default any */
export function isYielding({ state: { phase, sequences } }: Pick<Job, "state">, uid?: string): boolean {
  return phase.name === "running" && sequences.some((one) => one.yields && (uid === undefined || one.uid === uid));
}

/** Whether the job waits for a person's consent to a call. */
export function waitsForConsent({ state: { phase } }: Job): boolean {
  return phase.name === "calling" && phase.call?.state === "waits_for_consent";
}

/** Returns the state's name on the wire. */
export function stateNameOf({ phase }: JobState): JobStateName {
  switch (phase.name) {
    case "queued":
    case "blocked":
      return "queued";
    case "running":
    case "ending":
    case "left":
      return phase.stage;
    case "calling":
      return "calling";
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

/** Returns the outcome in one word, for a log or a metric. */
export function outcomeReason(outcome: Outcome): string {
  switch (outcome.type) {
    case "finished":
      return finishReasonOf(outcome.by);
    case "failed":
      return outcome.code;
    case "cancelled":
      return outcome.by;
  }
}

/** Returns the uid of the job's sequence for this choice. */
export function sequenceUidOf(jobUid: string, choice: number): string {
  return choice === 0 ? jobUid : `${jobUid}.${choice}`;
}

/** Returns the job's uid from a sequence's uid. */
export function jobUidOf(sequenceUid: string): string {
  return sequenceUid.split(".", 1)[0] ?? sequenceUid;
}
