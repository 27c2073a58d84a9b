// Defines the life of a job as one pure function, which returns the new state and the effects of an input.
//
//   blocked (until the older jobs of the session have ended)
//     v
//   queued --> running: queued, prefill, decode --> ending --> ended
//     ^  ^         |        |                         |
//     |  +---------+        | the answer has calls    |  from every phase: end, abort
//     | no sequence has a   | that the worker runs
//     | slot any more       |
//     +----- calling <------+
//            their results are there: the next step, with a longer prompt
//
// A job whose server leaves becomes `left` from blocked, queued or running, if another server continues it.
// A step is one way from `queued` to an answer. Recorded messages of an earlier process go from `queued` to `calling` without a run. Decision 126.
import type { GenerateWork, JobEvent, Token } from "@waggle/engine";
import type { AnswerMessage, QueuedEvent, StatusEvent, StreamEvent, TokenEvent } from "@waggle/protocol";
import { emptyMessage, toAnswerMessage, withinLimit, withToken } from "./answer-message.ts";
import type { ComputedEvent } from "./output-so-far.ts";
import type { Observation } from "./observers.ts";
import { finishReasonOf, hasOutput, isWaiting, isYielding } from "./job.ts";
import type { Job, JobState, Outcome } from "./job.ts";
import { recordedTokens, toolOf, type CallEvent } from "./job-calls.ts";
import { roundMs } from "./job-phases.ts";
import { newStep } from "./new-job.ts";
import { changeAll, countsOf, heldIn, stayingIn, totalsOf, waitingIn, withSequence } from "./sequences.ts";
import { crashFailure, hasUsedUpCrashes, lossesAfter } from "./crash-blame.ts";
import {
  promptProgressOf,
  queuedEventOf,
  startedEventOf,
  streamKeys,
  terminalEventOf,
  tokenEventOf,
  totalsUntil,
} from "./stream-events.ts";

/** `at` is the daemon clock's time in milliseconds. */
export type JobInput =
  /** The job that this job supersedes has ended. */
  | { readonly type: "unblocked"; readonly at: number }
  /** The job was accepted after messages that an earlier process has recorded. */
  | { readonly type: "recalled"; readonly at: number }
  /** The job is next in the queue, and there are slots for so many sequences more; by default for all. */
  | { readonly type: "submitted"; readonly places?: number }
  /** Other jobs need the slots of these sequences, which continue later. By default all sequences. */
  | { readonly type: "yield"; readonly uids?: readonly string[] }
  /** The job's position in the queue has changed. */
  | { readonly type: "moved"; readonly position: number; readonly etaMs: number | undefined }
  /** The engine is loading the model. */
  | { readonly type: "loading" }
  /** The engine has an event of one of the job's sequences. */
  | { readonly type: "engine"; readonly event: JobEvent; readonly model: string; readonly at: number }
  /** A call waits for consent, is sent, or has its result. */
  | { readonly type: "call"; readonly event: CallEvent }
  /** The calls of the message have their results. Without `work` the client has to run other calls of the message, and the job ends. */
  | { readonly type: "called"; readonly work: GenerateWork | undefined; readonly at: number }
  /** The job must end. The first such input decides the outcome. */
  | { readonly type: "end"; readonly outcome: Outcome; readonly at: number }
  /** The engine has not released the job in time. */
  | { readonly type: "overdue"; readonly at: number }
  /** The job must end at once, without waiting for the engine. */
  | { readonly type: "abort"; readonly outcome: Outcome; readonly at: number }
  /** This server leaves, and another one continues the job. A job that is about to end, or runs calls, does not change. */
  | { readonly type: "leave" }
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
  /** Put the job into the queue; with `again`, so many of its places, at its old position. */
  | { readonly type: "enqueue"; readonly again?: number }
  | { readonly type: "dequeue" }
  /** Start these sequences. */
  | { readonly type: "submit"; readonly uids: readonly string[] }
  /** Run the calls of this message. */
  | { readonly type: "call"; readonly message: AnswerMessage }
  /** Give the job the work of its next step. */
  | { readonly type: "step"; readonly work: GenerateWork }
  /** Ask the engine to release these sequences, and unless they yield, apply `overdue` if that takes too long. */
  | { readonly type: "release"; readonly uids: readonly string[]; readonly yields?: true }
  /** Tell the observers of all jobs. */
  | { readonly type: "observe"; readonly what: Observation }
  /** Store the tokens of one token event, for an engine that resumes the job. */
  | { readonly type: "output"; readonly choice: number; readonly ids: readonly Token[] }
  /** Store output that is not in the stream. */
  | { readonly type: "keep"; readonly event: ComputedEvent }
  /** The engine holds so many sequences less, which no longer count as running sequences of the job's client. */
  | { readonly type: "free"; readonly places: number }
  /** Forget the job, without an end of its stream. */
  | { readonly type: "leave"; readonly uids: readonly string[] }
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
  if (phase.name === "left") return unchanged(state);
  switch (input.type) {
    case "unblocked":
      if (phase.name !== "blocked") throw illegal(job, input);
      return wait(job, state, input.at);
    case "recalled":
      // The end of an older job of the session may have begun the recorded calls already.
      if (phase.name === "blocked" || phase.name === "calling") return unchanged(state);
      if (!isWaiting(job)) throw illegal(job, input);
      return recall(job, state, input.at) ?? unchanged(state);
    case "submitted":
      if (phase.name !== "queued" && phase.name !== "running") throw illegal(job, input);
      return submit(state, input.places);
    case "yield":
      return phase.name === "running" ? yieldSequences(state, input.uids ?? heldIn(state)) : unchanged(state);
    case "moved":
      // A job that waits for another engine after its start announces no queue position.
      return state.startedAt !== undefined || phase.name === "calling" || phase.name === "ended"
        ? unchanged(state)
        : send(state, queuedEventOf(job, input));
    case "loading":
      // A job with output has sent the status `resuming`, and sends no other status until it continues.
      return phase.name === "ended" || phase.name === "calling" || hasOutput(job)
        ? unchanged(state)
        : send(state, statusEvent(job, "loading"));
    case "engine":
      return takeEvent(job, input);
    case "call":
      return phase.name === "calling" ? takeCall(state, input.event) : unchanged(state);
    case "called":
      return phase.name === "calling" ? takeResults(job, input) : unchanged(state);
    case "end":
      return phase.name === "ended" || phase.name === "ending" ? unchanged(state) : askToEnd(job, input);
    case "overdue":
      if (phase.name !== "ending") throw illegal(job, input);
      return end(job, state, phase.outcome, input.at);
    case "abort":
      if (phase.name === "ended") return unchanged(state);
      return end(job, state, phase.name === "ending" ? phase.outcome : input.outcome, input.at);
    case "leave":
      return isWaiting(job) || phase.name === "running" ? leave(job) : unchanged(state);
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
        ? send(state, { ...statusEvent(job, "thinking"), prompt_progress: promptProgressOf(event) })
        : unchanged(state);
    case "parked":
      return phase.name === "running"
        ? { state, effects: [observe({ type: "parked" }), append(statusEvent(job, "parked"))] }
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

function submit(state: JobState, places?: number): Change {
  const uids = waitingIn(state).slice(0, places);
  const sequences = changeAll(state, uids, { held: true });
  const again: JobState = { ...state, phase: { name: "running", stage: "queued" }, hasNewOutput: false };
  return {
    state: { ...(state.phase.name === "running" ? state : again), sequences },
    effects: [{ type: "submit", uids }],
  };
}

function yieldSequences(state: JobState, asked: readonly string[]): Change {
  const uids = stayingIn(state).filter((uid) => asked.includes(uid));
  if (uids.length === 0) return unchanged(state);
  return {
    state: { ...state, sequences: changeAll(state, uids, { yields: true }) },
    effects: [{ type: "release", uids, yields: true }],
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
  const news: Effect = resumes ? observe({ type: "resumed" }) : append(statusEvent(job, "thinking"));
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
  // All choices count time from the step's start. Their messages may arrive in any order, but the job's times never go back.
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
    sequences: withSequence(state, event.jobId, {
      lastTokenMs: tokenMs,
      message: withinLimit(sequence.message, inStep(state, token)),
    }),
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
  const yields = event.type === "cancelled" && isYielding(job, event.jobId);
  const counts = event.type === "failed" || yields ? undefined : countsOf(event);
  const state: JobState = {
    ...job.state,
    sequences: withSequence(job.state, event.jobId, {
      held: false,
      yields: false,
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
  if (phase.name === "ended") return { state, effects: [...steps, free(1)] };
  const hasFailed = !yields && outcome.type !== "finished";
  const isHeld = heldIn(state).length > 0;
  if (phase.name === "running" && !hasFailed && (isHeld || waitingIn(state).length > 0)) {
    if (!yields) return { state: isHeld ? state : waits(state), effects: [...steps, free(1)] };
    const change = waitAgain(job, state, { places: 1, status: "parked" });
    return { state: change.state, effects: [...steps, ...change.effects] };
  }
  if (isHeld) {
    if (phase.name !== "running") return { state, effects: [...steps, free(1)] };
    // A failed choice also ends the other choices.
    const change = askToEnd({ ...job, state }, { outcome, at });
    return { state: change.state, effects: [...steps, ...change.effects, free(1)] };
  }
  const allFinished = state.sequences.every(({ stoppedBy }) => stoppedBy !== undefined);
  const counted = { ...state, counts: totalsOf(state) };
  const message = allFinished ? callsIn(job, counted) : undefined;
  // A complete answer is the job's end, also if the job was to end otherwise, unless its calls have not run.
  const last = phase.name === "ending" && (!allFinished || message !== undefined) ? phase.outcome : outcome;
  const calls = phase.name !== "ending" && message !== undefined;
  const change = calls ? beginCalls(counted, message, at) : end(job, counted, last, at);
  return { state: change.state, effects: [...steps, ...change.effects, free(1)] };
}

/** The message of a complete answer, if the worker runs a call of it. The calls of an answer that was cut are not run. */
function callsIn({ spec: { calls } }: Job, { sequences: [sequence], step }: JobState): AnswerMessage | undefined {
  if (sequence?.message === undefined || sequence.stoppedBy === undefined) return undefined;
  if (finishReasonOf(sequence.stoppedBy) !== "stop" || step.index >= (calls?.steps ?? 0)) return undefined;
  const message = toAnswerMessage(sequence.message);
  const made = message.tool_calls ?? [];
  const isCut = made.some(({ cut }) => cut === true);
  return !isCut && made.some((call) => toolOf(calls, call) !== undefined) ? message : undefined;
}

function beginCalls(state: JobState, message: AnswerMessage, at: number): Change {
  return {
    state: { ...state, phase: { name: "calling", call: undefined }, step: { ...state.step, calledAt: at } },
    effects: [observe({ type: "calling" }), { type: "call", message }],
  };
}

function takeCall(state: JobState, event: CallEvent): Change {
  const { call_id, server, tool } = event;
  const call = event.type === "tool_call" ? { call_id, server, tool, state: event.state } : undefined;
  return { state: { ...state, phase: { name: "calling", call } }, effects: [append(event)] };
}

function takeResults(job: Job, { work, at }: Extract<JobInput, { type: "called" }>): Change {
  const { state, log, uid } = job;
  if (work === undefined) return end(job, state, { type: "finished", by: "end" }, at);
  const { step, sequences } = state;
  const next = newStep(uid, work, {
    index: step.index + 1,
    since: at,
    calledAt: undefined,
    firstToken: log.nextToken,
    firstCall: step.firstCall + (sequences[0]?.message?.calls.length ?? 0),
  });
  const change = wait(job, { ...state, ...next, before: totalsUntil(state, at) }, at);
  const effects: readonly Effect[] = [{ type: "step", work }, observe({ type: "continues" })];
  return { state: change.state, effects: [...effects, ...change.effects] };
}

/** The step waits for a slot, unless its message is recorded. */
function wait(job: Job, state: JobState, at: number): Change {
  const queued = waits(state);
  return recall(job, queued, at) ?? { state: queued, effects: [{ type: "enqueue" }] };
}

/** Continues with the step's message as an earlier process has recorded it; undefined if no message is recorded. */
function recall(job: Job, state: JobState, at: number): Change | undefined {
  const { step } = state;
  const message = job.spec.calls?.recorded[step.index];
  if (message === undefined) return undefined;
  const tokens = recordedTokens(message, streamKeys(job), { token: step.firstToken, call: step.firstCall });
  const draft = tokens.reduce((soFar, token) => withToken(soFar, inStep(state, token)), emptyMessage);
  const change = beginCalls({ ...state, sequences: withSequence(state, job.uid, { message: draft }) }, message, at);
  return { state: change.state, effects: [{ type: "dequeue" }, ...tokens.map(append), ...change.effects] };
}

/** The token event with the number that its call has in its own message. */
function inStep({ step }: JobState, token: TokenEvent): TokenEvent {
  const { call } = token;
  return call === undefined ? token : { ...token, call: { ...call, index: call.index - step.firstCall } };
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
  return {
    state: { ...state, phase: { name: "ending", stage: phase.stage, outcome } },
    effects: [{ type: "dequeue" }, { type: "release", uids: heldIn(state) }],
  };
}

/**
 * Sequences wait for slots in the job's old position of the queue, to continue after the output so far. A job without output starts again. The stream
 * says so when no sequence of the job is left in the engine.
 */
function waitAgain(
  job: Job,
  state: JobState,
  { places, status }: { readonly places: number; readonly status: "resuming" | "parked" },
): Change {
  const resumes = hasOutput(job);
  const isHeld = heldIn(state).length > 0;
  const again: JobState = { ...state, resumptions: state.resumptions + (resumes ? 1 : 0) };
  return {
    state: isHeld ? again : waits(again),
    effects: [...(resumes && !isHeld ? [append(statusEvent(job, status))] : []), { type: "enqueue", again: places }],
  };
}

/** The next engine continues the job after its output so far. A job without output starts again, and its client only waits longer. */
function loseEngine(job: Job, { outcome, at }: Extract<JobInput, { type: "engine_lost" }>): Change {
  const { phase } = job.state;
  const enginesLost = lossesAfter(job.state);
  const places = heldIn(job.state).length;
  const sequences = job.state.sequences.map((sequence) => ({ ...sequence, held: false, yields: false }));
  const state: JobState = { ...job.state, sequences, enginesLost };
  if (phase.name === "ended") return { state, effects: [free(places)] };
  if (isWaiting(job) && !hasUsedUpCrashes(enginesLost)) return unchanged(state);
  const refused = hasOutput(job) && job.spec.work.kind === "generate" && job.spec.when.onEngineLoss === "error";
  if (phase.name === "running" && !hasUsedUpCrashes(enginesLost) && !refused)
    return waitAgain(job, state, { places, status: "resuming" });
  const why = hasUsedUpCrashes(enginesLost) ? crashFailure(outcome, enginesLost) : outcome;
  const change = end(job, state, phase.name === "ending" ? phase.outcome : why, at);
  return { state: change.state, effects: [...change.effects, free(places)] };
}

function leave(job: Job): Change {
  const { state } = job;
  const { phase } = state;
  const stage = phase.name === "running" ? phase.stage : "queued";
  return {
    state: { ...state, phase: { name: "left", stage } },
    effects: [
      { type: "dequeue" },
      ...(hasOutput(job) ? [append(statusEvent(job, "resuming"))] : []),
      { type: "leave", uids: heldIn(state) },
    ],
  };
}

function resumeElsewhere(job: Job): Change {
  const resumptions = job.state.resumptions + 1;
  const effects: readonly Effect[] = [append(statusEvent(job, "resuming")), observe({ type: "resumed" })];
  return { state: { ...job.state, resumptions }, effects };
}

/**
 * Must be the last effect, so that the session's next job is in the queue by then: when a client has no queued and no running job,
 * the queue forgets the client's last turn.
 */
function free(places: number): Effect {
  return { type: "free", places };
}

/** The only function that ends a job. */
function end(job: Job, state: JobState, outcome: Outcome, at: number): Change {
  const ended: JobState = { ...state, phase: { name: "ended", outcome }, endedAt: at };
  return {
    state: ended,
    effects: [{ type: "dequeue" }, append(terminalEventOf(job, ended, outcome)), { type: "ended", outcome }],
  };
}

function withStage({ phase }: JobState, stage: "prefill" | "decode", from: "queued" | "prefill"): JobState["phase"] {
  return (phase.name === "running" || phase.name === "ending") && phase.stage === from ? { ...phase, stage } : phase;
}

function waits(state: JobState): JobState {
  return { ...state, phase: { name: "queued" } };
}

/** Whether the event has a vector that no earlier engine has computed: only such a vector is progress. */
function isNewVector({ vectors }: Job, event: ComputedEvent): boolean {
  return event.type === "embedding" && event.index >= vectors.length;
}

function statusEvent(job: Job, status: StatusEvent["status"]): StatusEvent {
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
