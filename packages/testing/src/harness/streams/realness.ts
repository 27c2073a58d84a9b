// Owns the proof that streams are real: when the engine made each token against when it arrived. Pure; it knows no sockets.
import { round, spreadOf, sum, type Spread } from "../figures/statistics.ts";

/** One token event, all in milliseconds. */
export interface TokenTimes {
  /** When the engine produced it, on the engine's clock, counted from the job's start. */
  readonly tMs: number;
  /** When it arrived at our socket, counted from the sending of the request. */
  readonly arrivalMs: number;
}

export interface AnswerTimes {
  readonly tokens: readonly TokenTimes[];
  /** How long the job waited before its start, as the worker tells it. */
  readonly queueMs: number;
}

export interface Realness {
  /** Empty when the tokens arrived as they were made. */
  readonly failures: readonly string[];
  /** Of |(arrival_i - arrival_0) - (t_i - t_0)| over all tokens of all answers, in milliseconds. */
  readonly lagMs: Spread;
}

/** A token whose lag is above this, for more than one in twenty, was held back or replayed. */
const lagLimitMs = 250;
/** Arrivals that span less than this share of what the engine's clock spans came in a lump. */
const leastSpanShare = 0.5;
/** Fewer token events in an answer prove nothing: a handful of sleeps stays below the lag limit. */
export const leastTokenEvents = 8;
/** An engine makes one token of a job in each step, so its times rise; this share of them at least must differ. */
const leastDistinctShare = 0.5;
/** A first token may arrive this much later than the worker's own account of waiting and prefill says. */
const firstTokenLateLimitMs = 1_000;
/**
 * A tiny model makes a whole answer within the time for which a busy machine may stop any of the processes involved. Over this much of the
 * engine's time such pauses weigh little.
 */
const enoughSpanMs = 1_000;
/**
 * Clocks that disagree are looked at for this long before the stream is condemned: a pause of half a second is one token in twenty of it.
 * A pause does not come again with every answer, and a worker that cheats does so in all of them.
 */
const condemningSpanMs = 10_000;

/** Whether the answers span enough time, on either clock, to tell a pause from a lump. */
export function isEnough(answers: readonly AnswerTimes[]): boolean {
  const spanMs = sum(answers.map((answer) => Math.max(engineSpan(answer), arrivalSpan(answer))));
  const telling = answers.filter(isTelling);
  const clocksDisagree = telling.length > 0 && mismatches(telling).length > 0;
  return spanMs >= (clocksDisagree ? condemningSpanMs : enoughSpanMs) || telling.flatMap(implausible).length > 0;
}

/** Compares both clocks, over one answer or several. An answer that is too short to prove anything counts for nothing. */
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

/** What no engine's clock would say. */
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

/** Where the engine's clock and ours disagree. */
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

/** An answer that was computed to its end and then replayed at its own true pace is late as a whole. All of them would be. */
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
