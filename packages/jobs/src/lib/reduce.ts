// Owns the life of a job as one pure function: what has happened in, the new state and what is to be done about it out.
//
//   queued --> running: queued, prefill, decode --> ending --> ended
//     ^  ^         |                                  |
//     |  +---------+ its engine died: it goes on      |  from every phase: end, abort
//   blocked (until the engine has released the job of its session that it supersedes)
import type { JobEvent as EngineJobEvent, Token } from "@waggle/engine";
import type { QueuedEvent, StatusEvent, StreamEvent, TokenEvent } from "@waggle/protocol";
import { lengthOf, withToken } from "./answer-message.ts";
import type { ComputedEvent } from "./computed.ts";
import type { Job, JobCounts, JobState, Outcome, SequenceState } from "./job.ts";
import { condemnation, isCondemned, lossesAfter } from "./suspicion.ts";
import {
  promptProgressOf,
  queuedEventOf,
  roundMs,
  startedEventOf,
  streamKeys,
  terminalEventOf,
  tokenEventOf,
} from "./stream-events.ts";

/** Of a message that is put together, in characters. */
const longestMessage = 1_048_576;

/** `at` is the daemon clock's, in ms. */
export type JobEvent =
  /** The job of its session that it waited for is gone. */
  | { readonly type: "unblocked" }
  /** Its turn has come, and there are slots for all its sequences. */
  | { readonly type: "submitted" }
  /** Where it stands in the queue has changed. */
  | { readonly type: "moved"; readonly position: number; readonly etaMs: number | undefined }
  /** There is no engine that could run it: one loads. */
  | { readonly type: "loading" }
  | { readonly type: "started"; readonly event: EngineEventOf<"started">; readonly model: string; readonly at: number }
  /** A piece of its prompt was computed. */
  | { readonly type: "progress"; readonly event: EngineEventOf<"progress"> }
  | { readonly type: "token"; readonly event: EngineEventOf<"token">; readonly at: number }
  /** One text is embedded or ranked, or more of the prompt is computed, whose logprobs are wanted. */
  | { readonly type: "computed"; readonly event: ComputedEvent }
  /** The engine has let go of a sequence: it finished, failed, or was cancelled as asked. */
  | {
      readonly type: "released";
      readonly event: EngineEventOf<"finished" | "failed" | "cancelled">;
      readonly at: number;
    }
  /** Somebody wants it to end. The first one who does decides how. */
  | { readonly type: "end"; readonly outcome: Outcome; readonly at: number }
  /** The engine has not released it in time. */
  | { readonly type: "overdue"; readonly at: number }
  /** It is to end now, whatever the engine does. */
  | { readonly type: "abort"; readonly outcome: Outcome; readonly at: number }
  /** What ran it is gone, and somebody else goes on with it already. */
  | { readonly type: "taken_over" }
  /** The engine is gone, and everything that it held. */
  | { readonly type: "engine_lost"; readonly outcome: Outcome; readonly at: number };

type EngineEventOf<T extends EngineJobEvent["type"]> = Extract<EngineJobEvent, { type: T }>;

/** What the dispatcher is to do, in this order. */
export type Effect =
  | { readonly type: "append"; readonly event: StreamEvent }
  /** Into the queue; `again` at its old place. */
  | { readonly type: "enqueue"; readonly again: boolean }
  | { readonly type: "dequeue" }
  | { readonly type: "submit" }
  /** The engine is to let go of these, within `overdue`'s time. */
  | { readonly type: "release"; readonly uids: readonly string[] }
  /** The first sequence has its slot. */
  | { readonly type: "measure_start" }
  /** It goes on from what it has said. */
  | { readonly type: "measure_resumption" }
  /** Model tokens have come; `sincePreviousMs` is undefined for the first of a sequence. */
  | {
      readonly type: "measure_tokens";
      readonly tokens: number;
      readonly first: boolean;
      readonly sincePreviousMs: number | undefined;
    }
  /** A choice has told of these tokens, in one event. */
  | { readonly type: "said"; readonly choice: number; readonly ids: readonly Token[] }
  /** What it has computed beside its stream. */
  | { readonly type: "keep"; readonly event: ComputedEvent }
  /** Forward passes between a cancel and the slot being free. */
  | { readonly type: "measure_cancel"; readonly steps: number }
  /** Pieces of the answer that looked like tool calls and could not be read. */
  | { readonly type: "measure_unreadable"; readonly calls: number }
  /** The engine holds nothing of it any more: its share of the service is free. */
  | { readonly type: "free" }
  /** It is over, and its last event said. */
  | { readonly type: "ended"; readonly outcome: Outcome };

export interface Change {
  readonly state: JobState;
  readonly effects: readonly Effect[];
}

/** @throws Error on a pair that must not happen, which is a defect of the dispatcher or the engine */
export function reduce(job: Job, event: JobEvent): Change {
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
      // What has started once is not queued again in its client's eyes.
      return state.startedAt !== undefined || phase.name === "ended"
        ? unchanged(state)
        : say(state, queuedEventOf(job, event));
    case "loading":
      // Who has spoken was told that it is to go on; nothing else is news until it does.
      return phase.name === "ended" || hasSaid(job) ? unchanged(state) : say(state, statusOf(job, "loading"));
    case "started":
      return phase.name === "running" || phase.name === "ending" ? start(job, event) : unchanged(state);
    case "progress":
      // The choices of a job have one prompt: the first one speaks for all.
      return phase.name === "running" && state.firstTokenAt === undefined && event.event.jobId === job.uid
        ? say(state, { ...statusOf(job, "thinking"), prompt_progress: promptProgressOf(event.event) })
        : unchanged(state);
    case "token":
      return phase.name === "running" || phase.name === "ending" ? speak(job, event) : unchanged(state);
    case "computed":
      return {
        state: isNewVector(job, event.event) ? { ...state, hasSpoken: true, enginesLost: 0 } : state,
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
    case "taken_over":
      return phase.name === "running" && hasSaid(job) ? takeOver(job) : unchanged(state);
    case "engine_lost":
      return loseEngine(job, event);
  }
}

function submit(state: JobState): Change {
  // What has come to its end under an engine that is gone does not run again.
  const sequences = state.sequences.map((sequence) => ({ ...sequence, held: sequence.stoppedBy === undefined }));
  return {
    state: { ...state, phase: { name: "running", stage: "queued" }, sequences, hasSpoken: false },
    effects: [{ type: "submit" }],
  };
}

function start(job: Job, { event, model, at }: Extract<JobEvent, { type: "started" }>): Change {
  const { state } = job;
  const first = state.startedAt === undefined;
  const goesOn = hasSaid(job);
  const startedAt = state.startedAt ?? at;
  const { promptTokens, cachedTokens } = event;
  const next: JobState = {
    ...state,
    phase: withStage(state, "prefill", "queued"),
    startedAt,
    // Of a job that goes on, what it found when it began is what it was told.
    counts: goesOn && !first ? state.counts : { ...state.counts, promptTokens, cachedTokens },
    differsAt: event.jobId === job.uid && !goesOn ? event.differsAt : state.differsAt,
    sequences: withSequence(state, event.jobId, { startedMs: at - startedAt, slot: event.slot }),
  };
  // A later choice.
  if (!first && state.phase.name === "running" && state.phase.stage !== "queued") return unchanged(next);
  const resumes: readonly Effect[] = goesOn ? [{ type: "measure_resumption" }] : [];
  const tells: readonly Effect[] = goesOn ? [] : [append(statusOf(job, "thinking"))];
  if (!first) return { state: next, effects: [...resumes, ...tells] };
  const started = append(startedEventOf(job, next, model));
  return { state: next, effects: [{ type: "measure_start" }, ...resumes, ...tells, started] };
}

function speak(job: Job, { event, at }: Extract<JobEvent, { type: "token" }>): Change {
  const { state } = job;
  const sequence = state.sequences.find(({ uid }) => uid === event.jobId);
  if (sequence === undefined) throw new Error(`Illegal token of job ${job.uid}: it has no sequence ${event.jobId}`);
  const { counts } = state;
  const first = state.firstTokenAt === undefined;
  // On the job's own time, which all its choices share; their messages may arrive in any order.
  const spokenMs = Math.max(sequence.startedMs + event.tMs, counts.prefillMs + counts.decodeMs);
  const token = tokenEventOf(job, event, sequence.choice, roundMs(spokenMs));
  const next: JobState = {
    ...state,
    phase: withStage(state, "decode", "prefill"),
    firstTokenAt: state.firstTokenAt ?? at,
    hasSpoken: true,
    enginesLost: 0,
    counts: {
      ...counts,
      completionTokens: counts.completionTokens + event.n,
      prefillMs: first ? spokenMs : counts.prefillMs,
      decodeMs: first ? 0 : spokenMs - counts.prefillMs,
    },
    sequences: withSequence(state, event.jobId, { lastTokenMs: spokenMs, message: withSaid(sequence, token) }),
  };
  const { lastTokenMs } = sequence;
  const sincePreviousMs = lastTokenMs === undefined ? undefined : spokenMs - lastTokenMs;
  return {
    state: next,
    effects: [
      { type: "measure_tokens", tokens: event.n, first, sincePreviousMs },
      { type: "said", choice: sequence.choice, ids: event.ids },
      append(token),
    ],
  };
}

function release(job: Job, { event, at }: Extract<JobEvent, { type: "released" }>): Change {
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
    // A choice that fails takes the others with it.
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

/** An engine that lets go without having been asked, and without saying why, has a defect. */
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

/**
 * It goes on under the next engine, from what it has said; what has said nothing begins again, and its client need not know more than that it
 * takes longer.
 */
function loseEngine(job: Job, { outcome, at }: Extract<JobEvent, { type: "engine_lost" }>): Change {
  const { phase } = job.state;
  const enginesLost = lossesAfter(job.state);
  const sequences = job.state.sequences.map((sequence) => ({ ...sequence, held: false }));
  const state: JobState = { ...job.state, sequences, enginesLost };
  if (phase.name === "ended") return { state, effects: [free] };
  const resumes = hasSaid(job);
  const refused = resumes && job.spec.kind === "generate" && job.spec.onEngineLoss === "error";
  if (phase.name === "running" && !isCondemned(enginesLost) && !refused) {
    const resumptions = state.resumptions + (resumes ? 1 : 0);
    return {
      state: { ...state, phase: { name: "queued" }, resumptions },
      effects: [...(resumes ? [append(statusOf(job, "resuming"))] : []), { type: "enqueue", again: true }],
    };
  }
  const why = isCondemned(enginesLost) ? condemnation(outcome, enginesLost) : outcome;
  const change = end(job, state, phase.name === "ending" ? phase.outcome : why, at);
  return { state: change.state, effects: [...change.effects, free] };
}

function takeOver(job: Job): Change {
  const resumptions = job.state.resumptions + 1;
  const effects: readonly Effect[] = [append(statusOf(job, "resuming")), { type: "measure_resumption" }];
  return { state: { ...job.state, resumptions }, effects };
}

/** After everything else: who comes next in the same session must not look as if it had had no turn yet. */
const free: Effect = { type: "free" };

/** The one place where a job ends. */
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

/** The message is for who wants it whole; what is longer than a stream may hold is read from the stream. */
function withSaid({ message }: SequenceState, token: TokenEvent): SequenceState["message"] {
  if (message === undefined) return undefined;
  const longer = withToken(message, token);
  return lengthOf(longer) > longestMessage ? undefined : longer;
}

/** What a job of texts computes for the second time brings it no further. */
function isNewVector({ vectors }: Job, event: ComputedEvent): boolean {
  return event.type === "embedding" && event.index >= vectors.length;
}

/** Its stream has begun, here or elsewhere. */
function hasSaid({ log }: Job): boolean {
  return log.nextToken > 0;
}

/** The sequences' counts together; what the stream itself has counted where the engine died before it told. */
function totalsOf({ sequences, counts, resumptions }: JobState): JobCounts {
  const known = sequences.flatMap((sequence) => (sequence.counts === undefined ? [] : [sequence.counts]));
  const [first] = known;
  if (first === undefined || known.length < sequences.length) return counts;
  const completionTokens = known.reduce((sum, part) => sum + part.completionTokens, 0);
  // An engine knows what came before it by its tokens alone: the times are the job's own.
  if (resumptions > 0) return { ...counts, completionTokens };
  if (sequences.length === 1) return first;
  // Those of the choices overlap.
  return { ...counts, promptTokens: first.promptTokens, cachedTokens: first.cachedTokens, completionTokens };
}

function countsOf(event: EngineEventOf<"finished" | "cancelled">): JobCounts {
  const { promptTokens, cachedTokens, completionTokens, prefillMs, decodeMs } = event;
  return { promptTokens, cachedTokens, completionTokens, prefillMs, decodeMs };
}

function statusOf(job: Job, status: StatusEvent["status"]): StatusEvent {
  return { type: "status", ...streamKeys(job), status };
}

function say(state: JobState, event: QueuedEvent | StatusEvent): Change {
  return { state, effects: [append(event)] };
}

function append(event: StreamEvent): Effect {
  return { type: "append", event };
}

function unchanged(state: JobState): Change {
  return { state, effects: [] };
}

function illegal(job: Job, event: JobEvent): Error {
  return new Error(`Illegal job event: ${event.type} while ${job.state.phase.name}`);
}
