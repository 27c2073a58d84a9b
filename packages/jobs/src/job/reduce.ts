// Defines the life of a job as one pure function, which returns the new state and the effects of an input.
//
//   queued --> running: queued, prefill, decode --> ending --> ended
//     ^  ^         |                                  |
//     |  +---------+ the engine died                  |  from every phase: end, abort
//   blocked (until the superseded job of the session has ended)
import type { JobEvent, Token } from "@waggle/engine";
import type { QueuedEvent, StatusEvent, StreamEvent, TokenEvent } from "@waggle/protocol";
import { lengthOf, withToken } from "./answer-message.ts";
import type { ComputedEvent } from "../stream/output-so-far.ts";
import type { Job, JobCounts, JobState, Outcome, SequenceState } from "./job.ts";
import { crashFailure, hasUsedUpCrashes, lossesAfter } from "./crash-blame.ts";
import {
  promptProgressOf,
  queuedEventOf,
  roundMs,
  startedEventOf,
  streamKeys,
  terminalEventOf,
  tokenEventOf,
} from "./stream-events.ts";

/** Maximum number of characters of the answer's message in the end event. The text of a longer answer is only in the stream's token events. */
const longestMessage = 1_048_576;

/** `at` is the daemon clock's time in milliseconds. */
export type JobInput =
  /** The job that this job supersedes has ended. */
  | { readonly type: "unblocked" }
  /** The job is next in the queue, and there are slots for all its sequences. */
  | { readonly type: "submitted" }
  /** The job's position in the queue has changed. */
  | { readonly type: "moved"; readonly position: number; readonly etaMs: number | undefined }
  /** The engine is loading the model. */
  | { readonly type: "loading" }
  | { readonly type: "started"; readonly event: EngineEventOf<"started">; readonly model: string; readonly at: number }
  /** The engine has computed a part of the job's prompt. */
  | { readonly type: "progress"; readonly event: EngineEventOf<"progress"> }
  | { readonly type: "token"; readonly event: EngineEventOf<"token">; readonly at: number }
  /** The engine has computed a text's vector or logit, or logprobs of the prompt. */
  | { readonly type: "computed"; readonly event: ComputedEvent }
  /** The engine has released a sequence, which finished, failed, or was cancelled as requested. */
  | {
      readonly type: "released";
      readonly event: EngineEventOf<"finished" | "failed" | "cancelled">;
      readonly at: number;
    }
  /** The job must end. The first such input decides the outcome. */
  | { readonly type: "end"; readonly outcome: Outcome; readonly at: number }
  /** The engine has not released the job in time. */
  | { readonly type: "overdue"; readonly at: number }
  /** The job must end at once, without waiting for the engine. */
  | { readonly type: "abort"; readonly outcome: Outcome; readonly at: number }
  /** The job's worker is gone, and another worker continues the job. */
  | { readonly type: "resumed_elsewhere" }
  /** The engine died, with all sequences that it held. */
  | { readonly type: "engine_lost"; readonly outcome: Outcome; readonly at: number };

type EngineEventOf<T extends JobEvent["type"]> = Extract<JobEvent, { type: T }>;

/** Work for the dispatcher, which performs the effects of a change in their order. */
export type Effect =
  | { readonly type: "append"; readonly event: StreamEvent }
  /** Put the job into the queue; with `again`, at its old position. */
  | { readonly type: "enqueue"; readonly again: boolean }
  | { readonly type: "dequeue" }
  | { readonly type: "submit" }
  /** Ask the engine to release these sequences, and apply `overdue` if that takes too long. */
  | { readonly type: "release"; readonly uids: readonly string[] }
  /** Record that the first sequence has its slot. */
  | { readonly type: "measure_start" }
  /** Record that the job continues after its earlier output. */
  | { readonly type: "measure_resumption" }
  /** Record model tokens. `first`: these are the job's first tokens. `sincePreviousMs` is undefined for the first tokens of a sequence. */
  | {
      readonly type: "measure_tokens";
      readonly tokens: number;
      readonly first: boolean;
      readonly sincePreviousMs: number | undefined;
    }
  /** Store the tokens of one token event, for an engine that resumes the job. */
  | { readonly type: "output"; readonly choice: number; readonly ids: readonly Token[] }
  /** Store output that is not in the stream. */
  | { readonly type: "keep"; readonly event: ComputedEvent }
  /** Record the number of forward passes between a cancel and the release of the slot. */
  | { readonly type: "measure_cancel"; readonly steps: number }
  /** Record the number of pieces that looked like tool calls and could not be parsed. */
  | { readonly type: "measure_unreadable"; readonly calls: number }
  /** The engine holds no sequence of the job any more, so the job no longer counts as a running job of its client. */
  | { readonly type: "free" }
  /** The job has ended, and its last event is in the log. */
  | { readonly type: "ended"; readonly outcome: Outcome };

export interface Change {
  readonly state: JobState;
  readonly effects: readonly Effect[];
}

/** @throws Error for an input that is impossible in the present phase: a defect of the dispatcher or the engine */
export function reduce(job: Job, event: JobInput): Change {
  const { state } = job;
  const { phase } = state;
  switch (event.type) {
    case "unblocked":
      if (phase.name !== "blocked") throw illegal(job, event);
      return { state: { ...state, phase: { name: "queued" } }, effects: [{ type: "enqueue", again: false }] };
    case "submitted":
      if (phase.name !== "queued") throw illegal(job, event);
      return submit(state);
    case "moved":
      // A job that waits for another engine after its start announces no queue position.
      return state.startedAt !== undefined || phase.name === "ended"
        ? unchanged(state)
        : send(state, queuedEventOf(job, event));
    case "loading":
      // A job with output has sent the status `resuming`, and sends no other status until it continues.
      return phase.name === "ended" || hasOutput(job) ? unchanged(state) : send(state, statusOf(job, "loading"));
    case "started":
      return phase.name === "running" || phase.name === "ending" ? start(job, event) : unchanged(state);
    case "progress":
      // The choices of a job have the same prompt, so only the first choice's progress is sent.
      return phase.name === "running" && state.firstTokenAt === undefined && event.event.jobId === job.uid
        ? send(state, { ...statusOf(job, "thinking"), prompt_progress: promptProgressOf(event.event) })
        : unchanged(state);
    case "token":
      return phase.name === "running" || phase.name === "ending" ? addToken(job, event) : unchanged(state);
    case "computed":
      return {
        state: isNewVector(job, event.event) ? { ...state, hasNewOutput: true, enginesLost: 0 } : state,
        effects: [{ type: "keep", event: event.event }],
      };
    case "released":
      return release(job, event);
    case "end":
      return phase.name === "ended" || phase.name === "ending" ? unchanged(state) : askToEnd(job, event);
    case "overdue":
      if (phase.name !== "ending") throw illegal(job, event);
      return end(job, state, phase.outcome, event.at);
    case "abort":
      if (phase.name === "ended") return unchanged(state);
      return end(job, state, phase.name === "ending" ? phase.outcome : event.outcome, event.at);
    case "resumed_elsewhere":
      return phase.name === "running" && hasOutput(job) ? resumeElsewhere(job) : unchanged(state);
    case "engine_lost":
      return loseEngine(job, event);
  }
}

function submit(state: JobState): Change {
  // A sequence that finished under an earlier engine does not run again.
  const sequences = state.sequences.map((sequence) => ({ ...sequence, held: sequence.stoppedBy === undefined }));
  return {
    state: { ...state, phase: { name: "running", stage: "queued" }, sequences, hasNewOutput: false },
    effects: [{ type: "submit" }],
  };
}

function start(job: Job, { event, model, at }: Extract<JobInput, { type: "started" }>): Change {
  const { state } = job;
  const first = state.startedAt === undefined;
  const resumes = hasOutput(job);
  const startedAt = state.startedAt ?? at;
  const { promptTokens, cachedTokens } = event;
  const next: JobState = {
    ...state,
    phase: withStage(state, "prefill", "queued"),
    startedAt,
    // A resumed job keeps the counts of its first start, because its client has received them.
    counts: resumes && !first ? state.counts : { ...state.counts, promptTokens, cachedTokens },
    differsAt: event.jobId === job.uid && !resumes ? event.differsAt : state.differsAt,
    sequences: withSequence(state, event.jobId, { startedMs: at - startedAt, slot: event.slot }),
  };
  // When a further choice starts, the job has started already, and sends no event.
  if (!first && state.phase.name === "running" && state.phase.stage !== "queued") return unchanged(next);
  const news: Effect = resumes ? { type: "measure_resumption" } : append(statusOf(job, "thinking"));
  if (!first) return { state: next, effects: [news] };
  const started = append(startedEventOf(job, next, model));
  return { state: next, effects: [{ type: "measure_start" }, news, started] };
}

function addToken(job: Job, { event, at }: Extract<JobInput, { type: "token" }>): Change {
  const { state } = job;
  const sequence = state.sequences.find(({ uid }) => uid === event.jobId);
  if (sequence === undefined) throw new Error(`Illegal token of job ${job.uid}: it has no sequence ${event.jobId}`);
  const { counts } = state;
  const first = state.firstTokenAt === undefined;
  // All choices count time from the job's start. Their messages may arrive in any order, but the job's times never go back.
  const tokenMs = Math.max(sequence.startedMs + event.tMs, counts.prefillMs + counts.decodeMs);
  const token = tokenEventOf(job, event, sequence.choice, roundMs(tokenMs));
  const next: JobState = {
    ...state,
    phase: withStage(state, "decode", "prefill"),
    firstTokenAt: state.firstTokenAt ?? at,
    hasNewOutput: true,
    enginesLost: 0,
    counts: {
      ...counts,
      completionTokens: counts.completionTokens + event.n,
      prefillMs: first ? tokenMs : counts.prefillMs,
      decodeMs: first ? 0 : tokenMs - counts.prefillMs,
    },
    sequences: withSequence(state, event.jobId, { lastTokenMs: tokenMs, message: withText(sequence, token) }),
  };
  const { lastTokenMs } = sequence;
  const sincePreviousMs = lastTokenMs === undefined ? undefined : tokenMs - lastTokenMs;
  return {
    state: next,
    effects: [
      { type: "measure_tokens", tokens: event.n, first, sincePreviousMs },
      { type: "output", choice: sequence.choice, ids: event.ids },
      append(token),
    ],
  };
}

function release(job: Job, { event, at }: Extract<JobInput, { type: "released" }>): Change {
  const counts = event.type === "failed" ? undefined : countsOf(event);
  const state: JobState = {
    ...job.state,
    sequences: withSequence(job.state, event.jobId, {
      held: false,
      ...(counts === undefined ? {} : { counts }),
      ...(event.type === "finished" ? { stoppedBy: event.by, stopString: event.stopString } : {}),
    }),
  };
  const steps: readonly Effect[] = [
    ...(event.type === "cancelled" ? [{ type: "measure_cancel", steps: event.steps } as const] : []),
    ...(event.type !== "failed" && event.unreadableCalls !== undefined
      ? [{ type: "measure_unreadable", calls: event.unreadableCalls } as const]
      : []),
  ];
  const { phase } = state;
  const outcome = outcomeOf(event, state);
  if (state.sequences.some(({ held }) => held)) {
    // A failed choice also ends the other choices.
    if (outcome.type === "finished" || phase.name !== "running") return { state, effects: steps };
    const change = askToEnd({ ...job, state }, { outcome, at });
    return { state: change.state, effects: [...steps, ...change.effects] };
  }
  if (phase.name === "ended") return { state, effects: [...steps, free] };
  const allFinished = state.sequences.every(({ stoppedBy }) => stoppedBy !== undefined);
  const last = allFinished || phase.name !== "ending" ? outcome : phase.outcome;
  const change = end(job, { ...state, counts: totalsOf(state) }, last, at);
  return { state: change.state, effects: [...steps, ...change.effects, free] };
}

/** The outcome `internal` means a defect: the engine cancelled a sequence without a request. */
function outcomeOf(event: EngineEventOf<"finished" | "failed" | "cancelled">, { phase }: JobState): Outcome {
  switch (event.type) {
    case "finished":
      return { type: "finished", by: event.by };
    case "failed":
      return { type: "failed", code: event.code, message: event.message, details: event.details };
    case "cancelled":
      if (phase.name === "ending" || phase.name === "ended") return phase.outcome;
      return { type: "failed", code: "internal", message: "The engine dropped the job." };
  }
}

function askToEnd(job: Job, { outcome, at }: { readonly outcome: Outcome; readonly at: number }): Change {
  const { state } = job;
  const { phase } = state;
  if (phase.name !== "running") return end(job, state, outcome, at);
  const uids = state.sequences.filter(({ held }) => held).map(({ uid }) => uid);
  return {
    state: { ...state, phase: { name: "ending", stage: phase.stage, outcome } },
    effects: [{ type: "release", uids }],
  };
}

/** The next engine continues the job after its output so far. A job without output starts again, and its client only waits longer. */
function loseEngine(job: Job, { outcome, at }: Extract<JobInput, { type: "engine_lost" }>): Change {
  const { phase } = job.state;
  const enginesLost = lossesAfter(job.state);
  const sequences = job.state.sequences.map((sequence) => ({ ...sequence, held: false }));
  const state: JobState = { ...job.state, sequences, enginesLost };
  if (phase.name === "ended") return { state, effects: [free] };
  const resumes = hasOutput(job);
  const refused = resumes && job.spec.work.kind === "generate" && job.spec.when.onEngineLoss === "error";
  if (phase.name === "running" && !hasUsedUpCrashes(enginesLost) && !refused) {
    const resumptions = state.resumptions + (resumes ? 1 : 0);
    return {
      state: { ...state, phase: { name: "queued" }, resumptions },
      effects: [...(resumes ? [append(statusOf(job, "resuming"))] : []), { type: "enqueue", again: true }],
    };
  }
  const why = hasUsedUpCrashes(enginesLost) ? crashFailure(outcome, enginesLost) : outcome;
  const change = end(job, state, phase.name === "ending" ? phase.outcome : why, at);
  return { state: change.state, effects: [...change.effects, free] };
}

function resumeElsewhere(job: Job): Change {
  const resumptions = job.state.resumptions + 1;
  const effects: readonly Effect[] = [append(statusOf(job, "resuming")), { type: "measure_resumption" }];
  return { state: { ...job.state, resumptions }, effects };
}

/**
 * Must be the last effect, so that the session's next job is in the queue by then: when a client has no queued and no running job,
 * the queue forgets the client's last turn.
 */
const free: Effect = { type: "free" };

/** The only function that ends a job. */
function end(job: Job, state: JobState, outcome: Outcome, at: number): Change {
  const ended: JobState = { ...state, phase: { name: "ended", outcome }, endedAt: at };
  const waited = state.phase.name === "queued" || state.phase.name === "blocked";
  return {
    state: ended,
    effects: [
      ...(waited ? [{ type: "dequeue" } as const] : []),
      append(terminalEventOf(job, ended, outcome)),
      { type: "ended", outcome },
    ],
  };
}

function withStage({ phase }: JobState, stage: "prefill" | "decode", from: "queued" | "prefill"): JobState["phase"] {
  return (phase.name === "running" || phase.name === "ending") && phase.stage === from ? { ...phase, stage } : phase;
}

function withSequence({ sequences }: JobState, uid: string, change: Partial<SequenceState>): readonly SequenceState[] {
  return sequences.map((sequence) => (sequence.uid === uid ? { ...sequence, ...change } : sequence));
}

/** Adds the token to the message. Returns undefined once the message is too long for the end event. */
function withText({ message }: SequenceState, token: TokenEvent): SequenceState["message"] {
  if (message === undefined) return undefined;
  const longer = withToken(message, token);
  return lengthOf(longer) > longestMessage ? undefined : longer;
}

/** Whether the event has a vector that no earlier engine has computed: only such a vector is progress. */
function isNewVector({ vectors }: Job, event: ComputedEvent): boolean {
  return event.type === "embedding" && event.index >= vectors.length;
}

/** Whether the job's stream has tokens, from this worker or an earlier one. */
function hasOutput({ log }: Job): boolean {
  return log.nextToken > 0;
}

/** Sums up the sequences' counts; returns the worker's counts if an engine died before sending a sequence's counts. */
function totalsOf({ sequences, counts, resumptions }: JobState): JobCounts {
  const known = sequences.flatMap((sequence) => (sequence.counts === undefined ? [] : [sequence.counts]));
  const [first] = known;
  if (first === undefined || known.length < sequences.length) return counts;
  const completionTokens = known.reduce((sum, part) => sum + part.completionTokens, 0);
  // An engine counts the tokens of earlier engines but does not know their times, so take the times from the worker's counts.
  if (resumptions > 0) return { ...counts, completionTokens };
  if (sequences.length === 1) return first;
  // The times of the choices overlap, so they cannot be added.
  return { ...counts, promptTokens: first.promptTokens, cachedTokens: first.cachedTokens, completionTokens };
}

function countsOf(event: EngineEventOf<"finished" | "cancelled">): JobCounts {
  const { promptTokens, cachedTokens, completionTokens, prefillMs, decodeMs } = event;
  return { promptTokens, cachedTokens, completionTokens, prefillMs, decodeMs };
}

function statusOf(job: Job, status: StatusEvent["status"]): StatusEvent {
  return { type: "status", ...streamKeys(job), status };
}

function send(state: JobState, event: QueuedEvent | StatusEvent): Change {
  return { state, effects: [append(event)] };
}

/** @param at the daemon clock's time in milliseconds */
export function inputOf(event: JobEvent, { model, at }: { readonly model: string; readonly at: number }): JobInput {
  switch (event.type) {
    case "started":
      return { type: "started", event, model, at };
    case "progress":
      return { type: "progress", event };
    case "token":
      return { type: "token", event, at };
    case "prompt_logprobs":
    case "embedding":
      return { type: "computed", event };
    case "finished":
    case "cancelled":
    case "failed":
      return { type: "released", event, at };
  }
}

function append(event: StreamEvent): Effect {
  return { type: "append", event };
}

function unchanged(state: JobState): Change {
  return { state, effects: [] };
}

function illegal(job: Job, event: JobInput): Error {
  return new Error(`Illegal job event: ${event.type} while ${job.state.phase.name}`);
}
