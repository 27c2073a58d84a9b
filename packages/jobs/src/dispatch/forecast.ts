// Forecasts waits from what the jobs ask for and from the times of recent jobs: when a waiting job gets its first token, whether its deadline can be
// met, and when a client should try again that a full queue has refused.
import { choicesOf, type Work } from "@waggle/engine";
import { isLane, WaggleError, type StepCosts } from "@waggle/protocol";
import { createAnswerLengths, type AnswerLengths } from "./answer-lengths.ts";
import type { Job } from "../job/job.ts";
import { shareAfterMs } from "./held-sequences.ts";

/** The forecast uses at most this many recent jobs, recent short prompts, and recent long prompts. */
const samplesKept = 16;
/** A prompt with fewer uncached tokens takes one step, whatever their number. */
const shortTokens = 32;
/** The waits of a queue are computed anew after this time, or when the number of jobs changes. */
const freshMs = 100;
/**
 * Share of the queue that should be served before a refused client tries again. One entry is free sooner, but if all refused clients tried again
 * then, all but the first would find a full queue again.
 */
const drainShare = 1 / 4;
const minRetryAfterS = 1;
const maxRetryAfterS = 60;

export interface ForecastOptions {
  /** Milliseconds; never decreases. */
  readonly now: () => number;
  /** Whether an engine is ready. While a model loads there is no forecast of a first token, because its load time is unknown. */
  readonly ready: () => boolean;
  readonly slots: () => number;
  /** The waiting jobs, in the order in which they start: too slow to be asked for each job. */
  readonly waiting: () => readonly Job[];
  /** Number of waiting jobs. */
  readonly depth: () => number;
  /** Whether a client that holds many slots gives one back to a client that waits. */
  readonly shares: boolean;
}

export interface Forecast {
  /** A job has begun to wait in an empty queue. */
  waits(): void;
  /** A job has left the queue for its slots. Lane jobs are ignored, because they yield. */
  taken(job: Job): void;
  /** A taken job waits again. */
  putBack(job: Job): void;
  /** The engine has released the job. Jobs that were not taken are ignored. */
  freed(job: Job): void;
  /** The first token of a job has arrived. */
  prefilled(job: Job): void;
  /** The engine has measured its steps. This is the forecast until jobs have been measured. */
  measured(costs: StepCosts): void;
  /**
   * The wait for a slot, and the time for the prompt. The jobs before this one take the time for their prompts, and for as many tokens as recent
   * answers had, up to what each job asks for. Returns the milliseconds until the job's first token, for a decide job until its end, or undefined
   * while a part of the forecast has not been measured.
   * @param position the queue position: 1 is next, 0 has a slot
   */
  firstTokenMs(job: Pick<Job, "spec" | "uncachedTokens">, position: number): number | undefined;
  /**
   * A job without a forecast is accepted.
   * @throws WaggleError deadline_exceeded when the client chose a deadline that ends before the forecast
   */
  refuseLate(job: Job, positionOf: () => number): void;
  /**
   * Whole seconds, 1 to 60, until a quarter of `depth` jobs is served. When no job has moved for longer than expected (a hung engine, a loading
   * model), that delay is added: the queue is expected to be stuck for as long again.
   */
  retryAfterS(depth: number): number;
}

export function createForecast({ now, ready, slots, waiting, depth, shares }: ForecastOptions): Forecast {
  /** When each running job left the queue. */
  const takenAt = new Map<Job, number>();
  const durationsMs: number[] = [];
  /** Jobs that wrote no answer, with their whole durations. */
  const others: (Prompt & { readonly kind: Work["kind"] })[] = [];
  const short: Prompt[] = [];
  const long: Prompt[] = [];
  const written: Prompt[] = [];
  const lengths = createAnswerLengths();
  let costs: StepCosts | undefined;
  let movedAt = now();
  let queue = { at: -Infinity, jobs: "", starts: [] as (number | undefined)[] };

  /** The time between the ends of two jobs, if as many jobs run as now. */
  function intervalMs(): number {
    return durationsMs.length === 0 ? 0 : meanOf(durationsMs) / Math.max(1, takenAt.size);
  }

  /** A long prompt weighs more in the rate than a short one. */
  function prefillMs(tokens: number): number | undefined {
    if (tokens < shortTokens && short.length > 0) return meanOf(short.map(({ ms }) => ms));
    const rate = msPerToken(long);
    return rate === undefined ? stepMs(tokens, "prompt") : tokens * rate;
  }

  function tokenMs(): number | undefined {
    const streams = Math.min(slots(), takenAt.size + depth());
    return msPerToken(written) ?? stepMs(Math.max(1, streams), "decode");
  }

  /** The time of a step with the best number of threads, between two measured sizes. */
  function stepMs(size: number, kind: "prompt" | "decode"): number | undefined {
    const times = (costs?.threads ?? []).flatMap((column) => {
      const cells = column[kind].map((cell) => ({ size: "rows" in cell ? cell.rows : cell.tokens, ms: cell.ms }));
      return cells.length === 0 ? [] : [interpolate(cells, size)];
    });
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** How long a job without an answer runs. A decide job is one long prompt until jobs like it were measured. */
  function wholeMs({ spec: { work }, uncachedTokens }: Pick<Job, "spec" | "uncachedTokens">): number | undefined {
    const alike = others.filter(({ kind }) => kind === work.kind);
    const rate = msPerToken(alike);
    if (rate !== undefined && uncachedTokens !== undefined) return rate * uncachedTokens;
    const asPrompt = work.kind === "decide" && uncachedTokens !== undefined ? prefillMs(uncachedTokens) : undefined;
    const known = alike.length > 0 ? alike.map(({ ms }) => ms) : durationsMs;
    return asPrompt ?? (known.length > 0 ? meanOf(known) : undefined);
  }

  /** How long a job still runs; undefined if nothing says so. @param perToken milliseconds of a token */
  function leftMs(job: Job, answer: Answer, perToken: number | undefined): number | undefined {
    const { spec, uncachedTokens, state, log } = job;
    const since = takenAt.get(job);
    const elapsed = since === undefined ? 0 : now() - since;
    if (spec.work.kind !== "generate") {
      const whole = wholeMs(job);
      return whole === undefined ? undefined : Math.max(0, whole - elapsed);
    }
    const reads = state.firstTokenAt === undefined;
    const reading = reads ? prefillMs(uncachedTokens ?? 0) : 0;
    if (perToken === undefined || reading === undefined) return undefined;
    const left = lengths[answer](spec.work.maxTokens, (log.nextToken - state.step.firstToken) / choicesOf(spec.work));
    // A prompt that takes longer than forecast counts as unread. The step that ends a prompt gives the first token.
    return (elapsed < reading ? reading - elapsed : reading) + Math.max(0, left - (reads ? 1 : 0)) * perToken;
  }

  /** When each waiting job starts, in milliseconds from now, and a job behind all of them. */
  function startsMs(answer: Answer): readonly (number | undefined)[] {
    const jobs = `${answer} ${depth()} ${takenAt.size} ${slots()}`;
    if (jobs === queue.jobs && now() - queue.at < freshMs) return queue.starts;
    const perToken = tokenMs();
    const free = Array.from({ length: Math.max(1, slots()) }, () => 0);
    let isKnown = true;
    /** Gives the first free slots to sequences of a job. @returns when the first starts; undefined from the first job on of which nothing is known */
    const take = (job: Job, isHeld: boolean): number | undefined => {
      const [first = 0] = free;
      const left = leftMs(job, answer, perToken);
      isKnown &&= left !== undefined;
      if (!isKnown || left === undefined) return undefined;
      for (const { held, stoppedBy } of job.state.sequences) {
        if (held !== isHeld || stoppedBy !== undefined) continue;
        const end = (free.shift() ?? 0) + left;
        const place = free.findIndex((time) => time > end);
        free.splice(place < 0 ? free.length : place, 0, end);
      }
      return first;
    };
    for (const job of takenAt.keys()) take(job, true);
    const starts = waiting().map((job) => take(job, false));
    starts.push(isKnown ? free[0] : undefined);
    queue = { at: now(), jobs, starts };
    return starts;
  }

  /** How long the job waits until a client that holds more slots gives one back, if each job before it gets a slot in the same way. */
  function shareMs(client: string, position: number): number {
    if (!shares) return Infinity;
    const held = new Map<string, number>();
    for (const { spec, state } of takenAt.keys()) {
      const count = state.sequences.filter((sequence) => sequence.held).length;
      held.set(spec.who.client, (held.get(spec.who.client) ?? 0) + count);
    }
    const most = Math.max(0, ...held.values()) - position + 1;
    return most >= (held.get(client) ?? 0) + 2 ? shareAfterMs : Infinity;
  }

  function firstTokenMs(
    job: Pick<Job, "spec" | "uncachedTokens">,
    position: number,
    answer: Answer = "expected",
  ): number | undefined {
    const { spec, uncachedTokens } = job;
    if (!ready() || uncachedTokens === undefined) return undefined;
    const starts = position === 0 ? [0] : startsMs(answer);
    const inTurn = starts[Math.min(Math.max(1, position), starts.length) - 1];
    const start = position === 0 ? 0 : Math.min(inTurn ?? Infinity, shareMs(spec.who.client, position));
    const computing = spec.work.kind === "decide" ? wholeMs(job) : prefillMs(uncachedTokens);
    return start === Infinity || computing === undefined ? undefined : Math.round(start + computing);
  }

  function addAnswer({ spec, state, uncachedTokens }: Job, ms: number): void {
    const { firstTokenAt, phase, sequences, counts } = state;
    const isWhole = phase.name === "calling" || (phase.name === "ended" && phase.outcome.type === "finished");
    if (spec.work.kind !== "generate") {
      const { kind } = spec.work;
      if (isWhole) keep(others, { kind, tokens: Math.max(1, uncachedTokens ?? counts.promptTokens), ms });
      return;
    }
    const tokens = counts.completionTokens / choicesOf(spec.work);
    // Choices may have run one after the other.
    if (firstTokenAt !== undefined && tokens > 1 && sequences.length === 1)
      keep(written, { tokens: tokens - 1, ms: now() - firstTokenAt });
    // An answer that a client cancelled, or that reached a limit, would have been longer.
    const isCut = !isWhole || sequences.some(({ stoppedBy }) => stoppedBy === "max_tokens" || stoppedBy === "context");
    if (tokens > 0) lengths.add(tokens, isCut);
  }

  return {
    waits() {
      movedAt = now();
    },
    taken(job) {
      if (isLane(job.spec.when)) return;
      movedAt = now();
      if (!takenAt.has(job)) takenAt.set(job, movedAt);
    },
    putBack: (job) => void takenAt.delete(job),
    freed(job) {
      const since = takenAt.get(job);
      if (since === undefined) return;
      takenAt.delete(job);
      movedAt = now();
      keep(durationsMs, movedAt - since);
      addAnswer(job, movedAt - since);
    },
    prefilled({ spec, state }) {
      // The prompts of lane jobs get what other jobs leave of each step.
      if (isLane(spec.when)) return;
      const { promptTokens, cachedTokens, prefillMs: ms } = state.counts;
      const tokens = promptTokens - cachedTokens;
      keep(tokens < shortTokens ? short : long, { tokens, ms });
    },
    measured(table) {
      costs = table;
    },
    firstTokenMs: (job, position) => firstTokenMs(job, position),
    refuseLate(job, positionOf) {
      const { when, work } = job.spec;
      const { deadlineMs, refusedIfLate } = when;
      if (deadlineMs === undefined || refusedIfLate !== true) return;
      const position = positionOf();
      const estimateMs = firstTokenMs(job, position);
      if (estimateMs === undefined || estimateMs <= deadlineMs) return;
      // The answers before this job may be short, so the job is refused only if it would be late even then.
      if ((firstTokenMs(job, position, "least") ?? 0) <= deadlineMs) return;
      const why = `${work.kind === "decide" ? "its end" : "the first token"} is expected in ${estimateMs} ms`;
      throw new WaggleError("deadline_exceeded", `Cannot meet the deadline of ${deadlineMs} ms: ${why}.`, {
        details: { estimate_ms: estimateMs },
      });
    },
    retryAfterS(depth) {
      const stepMs = intervalMs();
      const overdueMs = Math.max(0, now() - movedAt - stepMs);
      const seconds = Math.ceil((Math.max(1, depth * drainShare) * stepMs + overdueMs) / 1_000);
      return Math.min(maxRetryAfterS, Math.max(minRetryAfterS, seconds));
    },
  };
}

type Answer = keyof Pick<AnswerLengths, "expected" | "least">;

interface Prompt {
  /** Number of tokens that were in no cache. */
  readonly tokens: number;
  readonly ms: number;
}

function keep<T>(samples: T[], sample: T): void {
  samples.push(sample);
  if (samples.length > samplesKept) samples.shift();
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function meanOf(values: readonly number[]): number {
  return sum(values) / values.length;
}

function msPerToken(samples: readonly Prompt[]): number | undefined {
  const ms = sum(samples.map((sample) => sample.ms));
  return ms > 0 ? ms / sum(samples.map(({ tokens }) => tokens)) : undefined;
}

/** Between two sizes; a larger size takes several steps. @param cells at least one, by size */
function interpolate(cells: readonly { readonly size: number; readonly ms: number }[], size: number): number {
  const above = cells.findIndex((cell) => cell.size >= size);
  const to = cells.at(above);
  const from = cells[above - 1];
  if (to === undefined) return 0;
  if (above < 0) return (to.ms * size) / to.size;
  if (from === undefined) return to.ms;
  return from.ms + ((to.ms - from.ms) * (size - from.size)) / (to.size - from.size);
}
