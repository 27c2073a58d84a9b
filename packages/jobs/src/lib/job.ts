// Owns what a job is and the one pure function that changes its state.
import type { Deferred, TimerHandle } from "@waggle/async";
import type { CancelledBy, ErrorCode, FinishReason, JobStateName } from "@waggle/protocol";
import type { GenerateSpec } from "./job-spec.ts";
import type { ReplayLog } from "./replay-log.ts";

export type JobState =
  | { readonly name: "queued" }
  | { readonly name: "prefill"; readonly slot: number }
  | { readonly name: "decode"; readonly slot: number }
  | { readonly name: "finished"; readonly reason: FinishReason }
  | { readonly name: "failed"; readonly code: ErrorCode; readonly message: string }
  | { readonly name: "cancelled"; readonly by: CancelledBy };

export type JobStateEvent =
  | { readonly type: "started"; readonly slot: number }
  | { readonly type: "first_token" }
  | Outcome;

/** How a job ends: exactly one of these, exactly once. */
export type Outcome =
  | { readonly type: "finished"; readonly reason: FinishReason }
  | {
      readonly type: "failed";
      readonly code: ErrorCode;
      readonly message: string;
      readonly details?: Record<string, unknown> | undefined;
    }
  | { readonly type: "cancelled"; readonly by: CancelledBy };

/** Pure. @throws Error on a pair that must not happen: leaving a final state, or starting twice */
export function transition(state: JobState, event: JobStateEvent): JobState {
  const next = successor(state, event);
  if (next === undefined) throw new Error(`Illegal job transition: ${event.type} while ${state.name}`);
  return next;
}

function successor(state: JobState, event: JobStateEvent): JobState | undefined {
  if (isFinal(state.name)) return undefined;
  switch (event.type) {
    case "started":
      return state.name === "queued" ? { name: "prefill", slot: event.slot } : undefined;
    case "first_token":
      return state.name === "prefill" ? { name: "decode", slot: state.slot } : undefined;
    case "finished":
      return state.name === "queued" ? undefined : { name: "finished", reason: event.reason };
    case "failed":
      return { name: "failed", code: event.code, message: event.message };
    case "cancelled":
      return { name: "cancelled", by: event.by };
  }
}

export function isFinal(name: JobStateName): boolean {
  return name === "finished" || name === "failed" || name === "cancelled";
}

/** Where a job that has not ended stands. `successor`: behind the running job of its session, whose slot it will get. */
export type JobPlace = "queue" | "successor" | "next" | "engine" | "left";

/** What the engine counted; for a job that never reached it, or died with it, what the worker saw. */
export interface JobCounts {
  promptTokens: number;
  cachedTokens: number;
  completionTokens: number;
  prefillMs: number;
  decodeMs: number;
}

/** One sequence of a job: what the engine knows as a job of its own. */
export interface JobPart {
  /** The engine's name for it. The first one's is the job's own. */
  readonly uid: string;
  readonly choice: number;
  /** Set when it came to its own end. */
  reason: FinishReason | undefined;
  /** What the engine counted, once it is over. */
  counts: JobCounts | undefined;
}

/** Created by the dispatcher alone and changed by it alone. Times are the daemon clock's milliseconds. */
export interface Job {
  /** Unique in this process; the engine's name for it. */
  readonly uid: string;
  /** The client's name for it: `job_id`, `stream_id`. */
  readonly id: string;
  readonly spec: GenerateSpec;
  /** One for each choice; all run at once. */
  readonly parts: readonly JobPart[];
  readonly sessionKey: string | undefined;
  readonly log: ReplayLog;
  readonly acceptedAt: number;
  /** Resolves once the job has ended and its clean-up has run. */
  readonly ended: Deferred<void>;
  state: JobState;
  place: JobPlace;
  /** The queue's name for its share of the service; a superseding job inherits it. */
  ticket: string | undefined;
  /** The end that was asked for and waits for the engine to let go of the slot. */
  ending: Outcome | undefined;
  /** The job of the same session that takes over when this one has ended. */
  successor: Job | undefined;
  predecessor: Job | undefined;
  startedAt: number | undefined;
  firstTokenAt: number | undefined;
  endedAt: number | undefined;
  counts: JobCounts;
  /** Readers attached now. */
  readers: number;
  readonly timers: Map<JobTimer, TimerHandle>;
}

export type JobTimer = "deadline" | "unclaimed" | "grace" | "force" | "forget";

/** The job's uid from a part's. */
export function jobUidOf(partUid: string): string {
  return partUid.split(".", 1)[0] ?? partUid;
}
