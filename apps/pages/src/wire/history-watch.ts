// Owns reading the history that a daemon keeps of itself: all of it at first, then only what is new.
import { signal, type ReadonlySignal } from "@preact/signals";
import type { Api } from "./api.ts";

/** An hour at a point for each 10 seconds. */
export const pointsLimit = 360;
/** A larger time between two points is a gap: the daemon was restarted, or this page was offline. */
const gapMs = 5_000;
/** A daemon that takes longer to answer counts as offline. */
const responseTimeoutMs = 10_000;

export interface TimedPoint {
  /** End of the time that the point describes. */
  readonly at: string;
  readonly span_ms: number;
}

/** A place on the time axis. */
export interface Moment<P> {
  /** Seconds since 1970, by the daemon's clock. */
  readonly time: number;
  /** Undefined in a gap. */
  readonly point: P | undefined;
}

export interface HistoryWatch<P> {
  readonly moments: ReadonlySignal<readonly Moment<P>[]>;
  /** Whether the daemon keeps the points of a day; undefined before the first answer. */
  readonly keepsDay: ReadonlySignal<boolean | undefined>;
  /** Requests new points; keeps the known ones if the daemon answers with an error. @throws without an answer */
  ask(): Promise<void>;
}

/** @param path route of the history */
export function createHistoryWatch<P extends TimedPoint>(api: Api, path: string): HistoryWatch<P> {
  const moments = signal<readonly Moment<P>[]>([]);
  const keepsDay = signal<boolean | undefined>(undefined);
  let ended: readonly P[] = [];

  return {
    moments,
    keepsDay,
    async ask() {
      const last = ended.at(-1)?.at;
      const after = last === undefined ? "" : `?after=${last}`;
      const response = await api.request(`${path}${after}`, { responseTimeoutMs });
      if (!response.ok) return;
      const { points, now, day = false } = (await response.json()) as { points: P[]; now?: P; day?: boolean };
      keepsDay.value = day;
      ended = [...ended, ...points].slice(-pointsLimit);
      moments.value = momentsOf(now === undefined ? ended : [...ended, now]);
    },
  };
}

/** Pure. */
export function momentsOf<P extends TimedPoint>(points: readonly P[]): readonly Moment<P>[] {
  return points.flatMap((point, i): Moment<P>[] => {
    const end = Date.parse(point.at);
    const before = points[i - 1];
    const begin = end - point.span_ms;
    const isGap = before !== undefined && begin - Date.parse(before.at) > gapMs;
    const gap: Moment<P>[] = isGap ? [{ time: begin / 1_000, point: undefined }] : [];
    return [...gap, { time: end / 1_000, point }];
  });
}
