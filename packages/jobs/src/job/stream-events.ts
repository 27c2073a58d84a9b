// Makes the events of a job's stream from the job's state. Pure.
import type { JobEvent, LogprobEntry, PartName, TokenLogprob } from "@waggle/engine";
import { errorKinds } from "@waggle/protocol";
import type {
  EndEvent,
  Logprob,
  PromptProgress,
  QueuedEvent,
  StartedEvent,
  TerminalEvent,
  Timings,
  TokenEvent,
  Usage,
} from "@waggle/protocol";
import { toAnswerMessage } from "./answer-message.ts";
import { finishReasonOf } from "./job.ts";
import type { Job, JobCounts, JobState, Outcome, SequenceState, StepTotals } from "./job.ts";
import { durationOf, phasesUntil, roundMs } from "./job-phases.ts";

/** Returns the fields that every event of the job's stream has. */
export function streamKeys({ id, spec }: Pick<Job, "id" | "spec">): { stream_id: string; session_id?: string } {
  const { sessionId } = spec.who;
  return sessionId === undefined ? { stream_id: id } : { stream_id: id, session_id: sessionId };
}

/** @param etaMs milliseconds until the first token */
export function queuedEventOf(
  job: Job,
  { position, etaMs }: { readonly position: number; readonly etaMs: number | undefined },
): QueuedEvent {
  return { type: "queued", ...streamKeys(job), position, ...(etaMs === undefined ? {} : { eta_ms: etaMs }) };
}

export function promptProgressOf(event: Extract<JobEvent, { type: "progress" }>): PromptProgress {
  const { promptTokens, cachedTokens, processedTokens, tMs } = event;
  return { total: promptTokens, cached: cachedTokens, processed: processedTokens, time_ms: tMs };
}

export function startedEventOf(job: Job, state: JobState, model: string): StartedEvent {
  const { counts, startedAt } = state;
  return {
    type: "started",
    ...streamKeys(job),
    model,
    prompt_tokens: counts.promptTokens,
    cached_tokens: counts.cachedTokens,
    ...differenceOf(state),
    queue_ms: roundMs((startedAt ?? state.step.since) - state.step.since),
    ...(job.spec.work.kind === "generate" ? { seed: job.spec.work.sampling.seed } : {}),
  };
}

/** The calls of all steps are numbered together. @param tokenMs milliseconds from the step's start to this token */
export function tokenEventOf(
  job: Job,
  event: Extract<JobEvent, { type: "token" }>,
  choice: number,
  tokenMs: number,
): TokenEvent {
  return {
    type: "token",
    ...streamKeys(job),
    // The index counts the tokens of all choices together.
    index: job.takenOver !== undefined && job.log.nextToken === 0 ? event.index : job.log.nextToken,
    text: event.text,
    ...partOf(event.part, `${job.callKey}${choice === 0 ? "" : `_${choice}`}`, job.state.step.firstCall),
    t_ms: tokenMs,
    ...(event.ids.length > 0 ? { ids: [...event.ids] } : {}),
    ...(event.n > 1 ? { n: event.n } : {}),
    ...(job.state.sequences.length > 1 ? { choice } : {}),
    ...(event.logprobs === undefined ? {} : { logprobs: event.logprobs.map(copyLogprob) }),
  };
}

/** A tool call without an id in the model's answer gets an id from the job's call key. */
function partOf(part: PartName | undefined, callKey: string, firstCall: number): Pick<TokenEvent, "part" | "call"> {
  switch (part?.kind) {
    case undefined:
      return {};
    case "reasoning":
      return { part: "reasoning" };
    case "call": {
      const index = firstCall + part.index;
      const { name, id = `call_${callKey}_${index}` } = part;
      return { part: "call", call: { index, id, name } };
    }
    case "arguments":
      return { part: "arguments", call: { index: firstCall + part.index } };
  }
}

export function terminalEventOf(job: Job, state: JobState, outcome: Outcome): TerminalEvent {
  if (outcome.type === "failed") {
    return {
      type: "error",
      ...streamKeys(job),
      code: outcome.code,
      message: outcome.message,
      retryable: errorKinds[outcome.code].retryable,
      ...(outcome.details === undefined ? {} : { details: outcome.details }),
    };
  }
  return {
    type: "end",
    ...streamKeys(job),
    ...choiceEnd(state.sequences[0], outcome),
    ...(state.sequences.length > 1 ? { choices: state.sequences.map((sequence) => choiceEnd(sequence)) } : {}),
    usage: usageOf(state),
    timings: timingsOf(job, state),
  };
}

type ChoiceEnd = Pick<EndEvent, "finish_reason" | "stopped_by" | "stop_string" | "cancelled_by" | "message">;

/** @param outcome the outcome of the whole job; undefined for one of several choices */
function choiceEnd(sequence: SequenceState | undefined, outcome?: Exclude<Outcome, { type: "failed" }>): ChoiceEnd {
  const by = outcome?.type === "finished" ? outcome.by : outcome === undefined ? sequence?.stoppedBy : undefined;
  const draft = sequence?.message;
  const reason = by === undefined ? "cancelled" : finishReasonOf(by);
  return {
    finish_reason: reason,
    ...(by === undefined ? {} : { stopped_by: by }),
    ...(by === "stop_string" && sequence?.stopString !== undefined ? { stop_string: sequence.stopString } : {}),
    ...(outcome?.type === "cancelled" ? { cancelled_by: outcome.by } : {}),
    ...(draft === undefined ? {} : { message: toAnswerMessage(draft) }),
  };
}

/** The counts of all steps. */
export function totalCountsOf({ before, counts }: Pick<JobState, "before" | "counts">): JobCounts {
  const sum = (key: keyof JobCounts): number => (before.counts[key] ?? 0) + (counts[key] ?? 0);
  const guessedTokens = sum("guessedTokens");
  return {
    promptTokens: sum("promptTokens"),
    cachedTokens: sum("cachedTokens"),
    completionTokens: sum("completionTokens"),
    prefillMs: sum("prefillMs"),
    decodeMs: sum("decodeMs"),
    ...(guessedTokens === 0 ? {} : { guessedTokens, rightGuesses: sum("rightGuesses") }),
  };
}

/** The totals of the steps up to the end of the present one. @param at when it ended */
export function totalsUntil(state: JobState, at: number): StepTotals {
  const { before, counts } = state;
  return {
    counts: totalCountsOf(state),
    decoded: before.decoded + Math.max(0, counts.completionTokens - 1),
    phases: phasesUntil(state, at),
  };
}

export function usageOf(state: JobState): Usage {
  const { promptTokens, cachedTokens, completionTokens } = totalCountsOf(state);
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    cached_tokens: cachedTokens,
    ...differenceOf(state),
  };
}

function differenceOf({ differsAt }: JobState): Pick<Usage, "differs_at"> {
  return differsAt === undefined ? {} : { differs_at: differsAt };
}

/** Returns the timings of a job that has ended. */
export function timingsOf({ acceptedAt }: Job, state: JobState): Timings {
  const { endedAt = acceptedAt } = state;
  const { counts, decoded, phases } = totalsUntil(state, endedAt);
  const { prefillMs, decodeMs, guessedTokens = 0, rightGuesses = 0 } = counts;
  return {
    queue_ms: durationOf("queue", phases),
    prefill_ms: roundMs(prefillMs),
    decode_ms: roundMs(decodeMs),
    total_ms: roundMs(endedAt - acceptedAt),
    tokens_per_second: decodeMs > 0 ? roundMs((decoded * 1000) / decodeMs) : 0,
    ...(guessedTokens === 0 ? {} : { draft_n: guessedTokens, draft_n_accepted: rightGuesses }),
  };
}

function copyLogprob({ top, ...entry }: LogprobEntry): Logprob {
  const copy = ({ id, bytes, logprob }: TokenLogprob): TokenLogprob & { bytes: number[] } => ({
    id,
    bytes: [...bytes],
    logprob,
  });
  return { ...copy(entry), top: top.map(copy) };
}
