// Keeps the recent past of a process in memory, never on disk: a point for each interval, up to a limit. Workers, gateways and hives use it.
import type { Clock, TimerHandle } from "@waggle/async";
import { historyIntervalMs, historyPointsLimit } from "@waggle/protocol";

/** A point in progress is shown only after this time, because rates over less would jump. */
const leastSpanMs = 1_000;

/** The time that a point describes. */
export interface PointTime {
  /** End, ISO 8601. */
  readonly at: string;
  readonly span_ms: number;
}

export interface HistoryOptions<Reading, Figures> {
  readonly clock: Pick<Clock, "now">;
  /** Milliseconds since 1970; Date.now by default. */
  readonly timeOfDay?: (() => number) | undefined;
  /** Returns counts since the process began, and present values. */
  read(): Reading | Promise<Reading>;
  /** Computes the figures of a point from the readings at its start and its end. */
  figuresOf(before: Reading, after: Reading, spanMs: number): Figures;
}

export interface History<Figures> {
  /** Ends a point and begins the next. Called for each interval. @param limit most points to keep */
  take(limit?: number): Promise<void>;
  /** The points that end after this time, oldest first, and the point in progress. @param after milliseconds since 1970 */
  since(after?: number): Promise<{ points: (PointTime & Figures)[]; now?: PointTime & Figures }>;
}

export function createHistory<Reading, Figures>(options: HistoryOptions<Reading, Figures>): History<Figures> {
  const { clock, timeOfDay = Date.now, read, figuresOf } = options;
  const points: (PointTime & Figures)[] = [];
  let begin = { at: clock.now(), reading: read() };
  /** Resolves when the last ended point is among the points. */
  let taken: Promise<void> = Promise.resolve();

  async function pointTo(end: typeof begin, from: typeof begin): Promise<PointTime & Figures> {
    const span = end.at - from.at;
    const time = { at: new Date(timeOfDay()).toISOString(), span_ms: Math.round(span) };
    return { ...time, ...figuresOf(await from.reading, await end.reading, span) };
  }

  return {
    take(limit = historyPointsLimit) {
      const from = begin;
      begin = { at: clock.now(), reading: read() };
      const point = pointTo(begin, from);
      taken = taken.then(async () => {
        points.push(await point);
        points.splice(0, points.length - limit);
      });
      return taken;
    },
    async since(after) {
      const from = begin;
      await taken;
      const now = { at: clock.now(), reading: read() };
      const shown = points.filter(({ at }) => after === undefined || Date.parse(at) > after);
      return now.at - from.at < leastSpanMs ? { points: shown } : { points: shown, now: await pointTo(now, from) };
    },
  };
}

/** Calls `take` at the end of each interval, until the timer is cancelled. */
export function takeRegularly(clock: Clock, take: () => void): TimerHandle {
  let timer: TimerHandle;
  const start = (): void => {
    timer = clock.setTimeout(() => {
      start();
      take();
    }, historyIntervalMs);
  };
  start();
  return { cancel: () => timer.cancel() };
}
