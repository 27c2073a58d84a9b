// Keeps the recent past of a server in memory: a point for each interval, up to a limit. Workers and gateways use it. With a day on disk, a
// new process begins with the points of the last one.
import type { Clock, TimerHandle } from "@waggle/async";
import { historyIntervalMs, historyPointsLimit } from "@waggle/protocol";
import type { DayLog, PastQuery } from "./day-log.ts";

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
  readonly day?: Pick<DayLog, "add" | "read"> | undefined;
  /** Makes one point of several. Needed to read longer points from the day. @param points at least one, oldest first */
  merge?(points: readonly (PointTime & Figures)[]): Figures;
}

/** Points of a time, oldest first. */
export interface Past<Figures> {
  readonly points: (PointTime & Figures)[];
  /** The point in progress. */
  readonly now?: PointTime & Figures;
  /** Present if a day is kept on disk. */
  readonly day?: true;
}

export interface History<Figures> {
  /** Ends a point and begins the next. Called for each interval. */
  take(): Promise<void>;
  /**
   * The points that end after this time, oldest first, and the point in progress.
   * @param after milliseconds since 1970
   * @param until only points that end before this time, also those on disk
   * @param stepMs length of these points
   * @param left aborts when nothing waits for the points: a read of the disk ends
   */
  since(after?: number, until?: number, stepMs?: number, left?: AbortSignal): Promise<Past<Figures>>;
}

export function createHistory<Reading, Figures>(options: HistoryOptions<Reading, Figures>): History<Figures> {
  const { clock, timeOfDay = Date.now, read, figuresOf, day, merge } = options;
  const kept = day === undefined ? {} : ({ day: true } as const);
  const points: (PointTime & Figures)[] = [];
  let begin = { at: clock.now(), reading: read() };
  /** Resolves when the last ended point is among the points. */
  let taken = pointsOnDisk({ since: timeOfDay() - historyPointsLimit * historyIntervalMs }).then(
    (earlier) => void points.push(...earlier),
    () => {},
  );

  async function pointsOnDisk(
    times: Pick<PastQuery, "since" | "until" | "left">,
    stepMs = historyIntervalMs,
  ): Promise<typeof points> {
    const count = Math.ceil((historyPointsLimit * stepMs) / historyIntervalMs);
    const rows = (await day?.read({ kind: "point", count, ...times })) ?? [];
    const found = rows.map(({ value }) => value as unknown as PointTime & Figures);
    if (merge === undefined || stepMs <= historyIntervalMs) return found;
    // The points of a step end in it, whatever the time of the first one: so a chart that is read again has the same points.
    const stepOf = ({ at }: PointTime): number => Math.ceil(Date.parse(at) / stepMs);
    const steps: (typeof points)[] = [];
    for (const point of found) {
      const [last] = steps.at(-1) ?? [];
      if (last !== undefined && stepOf(last) === stepOf(point)) steps.at(-1)?.push(point);
      else steps.push([point]);
    }
    return steps.slice(-historyPointsLimit).map((inStep) => ({
      at: inStep.at(-1)?.at ?? "",
      span_ms: inStep.reduce((sum, { span_ms }) => sum + span_ms, 0),
      ...merge(inStep),
    }));
  }

  async function pointTo(end: typeof begin, from: typeof begin): Promise<PointTime & Figures> {
    const span = end.at - from.at;
    const time = { at: new Date(timeOfDay()).toISOString(), span_ms: Math.round(span) };
    return { ...time, ...figuresOf(await from.reading, await end.reading, span) };
  }

  return {
    take() {
      const from = begin;
      begin = { at: clock.now(), reading: read() };
      const point = pointTo(begin, from);
      taken = taken.then(async () => {
        points.push(await point);
        day?.add("point", JSON.stringify(await point));
        points.splice(0, points.length - historyPointsLimit);
      });
      return taken;
    },
    async since(after, until, stepMs, left) {
      const from = begin;
      await taken;
      if (until !== undefined) return { points: await pointsOnDisk({ since: after, until, left }, stepMs), ...kept };
      const now = { at: clock.now(), reading: read() };
      const shown = points.filter(({ at }) => after === undefined || Date.parse(at) > after);
      const inProgress = now.at - from.at < leastSpanMs ? {} : { now: await pointTo(now, from) };
      return { points: shown, ...inProgress, ...kept };
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
