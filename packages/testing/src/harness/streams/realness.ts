// Owns the proof that a server streams tokens while it generates them. Compares each token's generation time with its arrival. Pure.
import { round, spreadOf, sum, type Spread } from "../figures/statistics.ts";

/** One token event, all in milliseconds. */
export interface TokenTimes {
  /** When the engine generated the token, on the engine's clock, since the job's start. */
  readonly tMs: number;
  /** When the token arrived at our socket, since the sending of the request. */
  readonly arrivalMs: number;
}

export interface AnswerTimes {
  readonly tokens: readonly TokenTimes[];
  /** How long the job waited before its start, as the worker reports. */
  readonly queueMs: number;
}

export interface Realness {
  /** Empty when the tokens arrived at the pace of their generation. */
  readonly failures: readonly string[];
  /** Spread of the lag |(arrival_i - arrival_0) - (t_i - t_0)| over all tokens of all answers. Milliseconds. */
  readonly lagMs: Spread;
}

/** The proof fails when more than one token in twenty has a lag above this limit: then tokens were held back or replayed. */
const lagLimitMs = 250;
/** The proof fails when the arrivals span less than this share of the engine's time: then tokens were held back and sent at once. */
const leastSpanShare = 0.5;
/** An answer with fewer token events proves nothing: the lags of a few sleeps stay below the limit. */
export const leastTokenEvents = 8;
/** Least share of distinct times in an answer: an engine generates one token of a job in each step, so times must rise. */
const leastDistinctShare = 0.5;
/** Longest delay between a first token's generation, as the worker reports it, and its arrival. */
const firstTokenLateLimitMs = 1_000;
/**
 * Least total time of the answers. A busy machine may pause a process for longer than a tiny model needs for an answer; over this time, such
 * a pause has little weight.
 */
const enoughSpanMs = 1_000;
/**
 * If the clocks disagree, the proof fails only after answers of this total time. In this time, a pause of half a second affects one token in twenty.
 * A pause affects few answers, but a worker with fake streams fakes all answers.
 */
const condemningSpanMs = 10_000;

/** Whether the answers span enough time, on either clock, to distinguish a pause from a fake stream. */
export function isEnough(answers: readonly AnswerTimes[]): boolean {
  const spanMs = sum(answers.map((answer) => Math.max(engineSpan(answer), arrivalSpan(answer))));
  const telling = answers.filter(isTelling);
  const clocksDisagree = telling.length > 0 && mismatches(telling).length > 0;
  return spanMs >= (clocksDisagree ? condemningSpanMs : enoughSpanMs) || telling.flatMap(implausible).length > 0;
}

/** Compares both clocks over one or several answers. Ignores answers with too few tokens if another answer has enough. */
export function proveRealness(answers: readonly AnswerTimes[]): Realness {
  const telling = answers.filter(isTelling);
  if (telling.length === 0) {
    const most = Math.max(0, ...answers.map(({ tokens }) => tokens.length));
    const few = `Cannot prove that the stream is real: an answer of ${most} token events, and ${leastTokenEvents} are needed`;
    return { failures: [few], lagMs: spreadOf(answers.flatMap(lags)) };
  }
  const lagMs = spreadOf(telling.flatMap(lags));
  const failures = [...telling.flatMap(implausible), ...mismatches(telling), ...heldBack(telling)];
  return { failures: [...new Set(failures)], lagMs };
}

function isTelling({ tokens }: AnswerTimes): boolean {
  return tokens.length >= leastTokenEvents;
}

/** Times that no engine's clock can show. */
function implausible({ tokens }: AnswerTimes): string[] {
  const backwards = tokens.some(({ tMs }, index) => tMs < (tokens[index - 1]?.tMs ?? 0));
  const distinct = new Set(tokens.map(({ tMs }) => tMs)).size;
  return [
    ...(backwards ? ["The stream is not real: t_ms runs backwards"] : []),
    ...(distinct < tokens.length * leastDistinctShare
      ? [`The stream is not real: ${tokens.length} tokens share ${distinct} values of t_ms, yet a step makes one token`]
      : []),
  ];
}

/** Disagreements between the engine's clock and ours. */
function mismatches(answers: readonly AnswerTimes[]): string[] {
  const lagMs = spreadOf(answers.flatMap(lags));
  const made = sum(answers.map(engineSpan));
  const arrived = sum(answers.map(arrivalSpan));
  return [
    ...(lagMs.p95 > lagLimitMs
      ? [`The stream is not real: the p95 of |arrival - t_ms| is ${lagMs.p95} ms, and ${lagLimitMs} ms is the limit`]
      : []),
    ...(arrived < made * leastSpanShare
      ? [`The stream is not real: tokens made over ${round(made)} ms arrived within ${round(arrived)} ms, in a lump`]
      : []),
  ];
}

/** A finished answer that is replayed at its original pace arrives late from its first token on. A fake server delays every answer. */
function heldBack(answers: readonly AnswerTimes[]): string[] {
  const late = Math.min(...answers.map(lateness));
  if (late <= firstTokenLateLimitMs) return [];
  return [
    `The stream is not real: the first token arrived ${round(late)} ms after it was made, so tokens were held back`,
  ];
}

function lags({ tokens }: AnswerTimes): number[] {
  const [first] = tokens;
  if (first === undefined) return [];
  return tokens.map(({ tMs, arrivalMs }) => Math.abs(arrivalMs - first.arrivalMs - (tMs - first.tMs)));
}

function engineSpan({ tokens }: AnswerTimes): number {
  return (tokens.at(-1)?.tMs ?? 0) - (tokens[0]?.tMs ?? 0);
}

function arrivalSpan({ tokens }: AnswerTimes): number {
  return (tokens.at(-1)?.arrivalMs ?? 0) - (tokens[0]?.arrivalMs ?? 0);
}

function lateness({ tokens, queueMs }: AnswerTimes): number {
  const [first] = tokens;
  return first === undefined ? 0 : first.arrivalMs - (queueMs + first.tMs);
}
