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
import type { Observation } from "../watching/observers.ts";
import { isWaiting, type Job, type JobCounts, type JobState, type Outcome, type SequenceState } from "./job.ts";
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
  /** The engine has an event of one of the job's sequences. */
  | { readonly type: "engine"; readonly event: JobEvent; readonly model: string; readonly at: number }
  /** The job must end. The first such input decides the outcome. */
  | { readonly type: "end"; readonly outcome: Outcome; readonly at: number }
  /** The engine has not released the job in time. */
  | { readonly type: "overdue"; readonly at: number }
  /** The job must end at once, without waiting for the engine. */
  | { readonly type: "abort"; readonly outcome: Outcome; readonly at: number }
  /** The job's worker is gone, and another worker continues the job. */
  | { readonly type: "resumed_elsewhere" }
  /** The engine died, with all sequences that it held, or while it prepared the work of the waiting job. */
  | { readonly type: "engine_lost"; readonly outcome: Outcome; readonly at: number };

type EngineEventOf<T extends JobEvent["type"]> = Extract<JobEvent, { type: T }>;

/** The engine has released a sequence, which finished, failed, or was cancelled as requested. */
type ReleaseEvent = EngineEventOf<"finished" | "cancelled" | "failed">;

/** Work for the dispatcher, which performs the effects of a change in their order. */
export type Effect =
  | { readonly type: "append"; readonly event: StreamEvent }
  /** Put the job into the queue; with `again`, at its old position. */
  | { readonly type: "enqueue"; readonly again: boolean }
  | { readonly type: "dequeue" }
  | { readonly type: "submit" }
  /** Ask the engine to release these sequences, and apply `overdue` if that takes too long. */
  | { readonly type: "release"; readonly uids: readonly string[] }
  /** Tell the observers of all jobs. */
  | { readonly type: "observe"; readonly what: Observation }
  /** Store the tokens of one token event, for an engine that resumes the job. */
  | { readonly type: "output"; readonly choice: number; readonly ids: readonly Token[] }
  /** Store output that is not in the stream. */
  | { readonly type: "keep"; readonly event: ComputedEvent }
  /** The engine holds no sequence of the job any more, so the job no longer counts as a running job of its client. */
  | { readonly type: "free" }
  /** The job has ended, and its last event is in the log. */
  | { readonly type: "ended"; readonly outcome: Outcome };

export interface Change {
  readonly state: JobState;
  readonly effects: readonly Effect[];
}

/** @throws Error for an input that is impossible in the present phase: a defect of the dispatcher or the engine */
export function reduce(job: Job, input: JobInput): Change {
  const { state } = job;
  const { phase } = state;
  switch (input.type) {
    case "unblocked":
      if (phase.name !== "blocked") throw illegal(job, input);
      return { state: { ...state, phase: { name: "queued" } }, effects: [{ type: "enqueue", again: false }] };
    case "submitted":
      if (phase.name !== "queued") throw illegal(job, input);
      return submit(state);
    case "moved":
      // A job that waits for another engine after its start announces no queue position.
      return state.startedAt !== undefined || phase.name === "ended"
        ? unchanged(state)
        : send(state, queuedEventOf(job, input));
    case "loading":
      // A job with output has sent the status `resuming`, and sends no other status until it continues.
      return phase.name === "ended" || hasOutput(job) ? unchanged(state) : send(state, statusOf(job, "loading"));
    case "engine":
      return takeEvent(job, input);
    case "end":
      return phase.name === "ended" || phase.name === "ending" ? unchanged(state) : askToEnd(job, input);
    case "overdue":
      if (phase.name !== "ending") throw illegal(job, input);
      return end(job, state, phase.outcome, input.at);
    case "abort":
      if (phase.name === "ended") return unchanged(state);
      return end(job, state, phase.name === "ending" ? phase.outcome : input.outcome, input.at);
    case "resumed_elsewhere":
      return phase.name === "running" && hasOutput(job) ? resumeElsewhere(job) : unchanged(state);
    case "engine_lost":
      return loseEngine(job, input);
  }
}

function takeEvent(job: Job, { event, model, at }: Extract<JobInput, { type: "engine" }>): Change {
  const { state } = job;
  const { phase } = state;
  switch (event.type) {
    case "started":
      return phase.name === "running" || phase.name === "ending" ? start(job, event, { model, at }) : unchanged(state);
    case "progress":
      // The choices of a job have the same prompt, so only the first choice's progress is sent.
      return phase.name === "running" && state.firstTokenAt === undefined && event.jobId === job.uid
        ? send(state, { ...statusOf(job, "thinking"), prompt_progress: promptProgressOf(event) })
        : unchanged(state);
    case "parked":
      return phase.name === "running"
        ? { state, effects: [observe({ type: "parked" }), append(statusOf(job, "parked"))] }
        : unchanged(state);
    case "token":
      return phase.name === "running" || phase.name === "ending" ? addToken(job, event, at) : unchanged(state);
    case "prompt_logprobs":
    case "embedding":
      return {
        state: isNewVector(job, event) ? { ...state, hasNewOutput: true, enginesLost: 0 } : state,
        effects: [{ type: "keep", event }],
      };
    case "finished":
    case "cancelled":
    case "failed":
      return release(job, event, at);
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

function start(
  job: Job,
  event: EngineEventOf<"started">,
  { model, at }: { readonly model: string; readonly at: number },
): Change {
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
  const news: Effect = resumes ? observe({ type: "resumed" }) : append(statusOf(job, "thinking"));
  if (!first) return { state: next, effects: [news] };
  const started = append(startedEventOf(job, next, model));
  return { state: next, effects: [observe({ type: "started" }), news, started] };
}

function addToken(job: Job, event: EngineEventOf<"token">, at: number): Change {
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
      observe({ type: "tokens", tokens: event.n, first, sincePreviousMs }),
      { type: "output", choice: sequence.choice, ids: event.ids },
      append(token),
    ],
  };
}

function release(job: Job, event: ReleaseEvent, at: number): Change {
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
    ...(event.type === "cancelled" ? [observe({ type: "released", steps: event.steps })] : []),
    ...(event.type !== "failed" && event.unreadableCalls !== undefined
      ? [observe({ type: "unreadable_calls", calls: event.unreadableCalls })]
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
function outcomeOf(event: ReleaseEvent, { phase }: JobState): Outcome {
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
  if (isWaiting(job) && !hasUsedUpCrashes(enginesLost)) return unchanged(state);
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
  const effects: readonly Effect[] = [append(statusOf(job, "resuming")), observe({ type: "resumed" })];
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
  const tokens = { completionTokens, ...guessesOf(known) };
  // An engine counts the tokens of earlier engines but does not know their times, so take the times from the worker's counts.
  if (resumptions > 0) return { ...counts, ...tokens };
  if (sequences.length === 1) return first;
  // The times of the choices overlap, so they cannot be added.
  return { ...counts, promptTokens: first.promptTokens, cachedTokens: first.cachedTokens, ...tokens };
}

function countsOf(event: EngineEventOf<"finished" | "cancelled">): JobCounts {
  const { promptTokens, cachedTokens, completionTokens, prefillMs, decodeMs } = event;
  return { promptTokens, cachedTokens, completionTokens, prefillMs, decodeMs, ...guessesOf([event]) };
}

type Guesses = Pick<JobCounts, "guessedTokens" | "rightGuesses">;

/** Sums up the guesses; empty without guesses. An engine does not know the guesses of earlier engines. */
function guessesOf(parts: readonly Guesses[]): Guesses {
  const guessedTokens = parts.reduce((sum, part) => sum + (part.guessedTokens ?? 0), 0);
  if (guessedTokens === 0) return {};
  return { guessedTokens, rightGuesses: parts.reduce((sum, part) => sum + (part.rightGuesses ?? 0), 0) };
}

function statusOf(job: Job, status: StatusEvent["status"]): StatusEvent {
  return { type: "status", ...streamKeys(job), status };
}

function send(state: JobState, event: QueuedEvent | StatusEvent): Change {
  return { state, effects: [append(event)] };
}

/** Whether the engine has released the event's sequence. */
export function isRelease(event: JobEvent): event is ReleaseEvent {
  return event.type === "finished" || event.type === "cancelled" || event.type === "failed";
}

function append(event: StreamEvent): Effect {
  return { type: "append", event };
}

function observe(what: Observation): Effect {
  return { type: "observe", what };
}

function unchanged(state: JobState): Change {
  return { state, effects: [] };
}

function illegal(job: Job, input: JobInput): Error {
  return new Error(`Illegal job input: ${input.type} while ${job.state.phase.name}`);
}
