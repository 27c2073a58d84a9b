// Owns reading the history that the server keeps of itself: all of it at first, then only what is new.
import { signal, type ReadonlySignal } from "@preact/signals";
import type { History, HistoryPoint } from "@waggle/protocol";
import type { Api } from "../../wire/api.ts";

/** An hour at a point for each 10 seconds. */
export const pointsLimit = 360;
/** A larger time between two points is a gap: the server was restarted, or this page was offline. */
const gapMs = 5_000;
/** A server that takes longer to answer counts as offline. */
const responseTimeoutMs = 10_000;

/** A place on the time axis. */
export interface Moment {
  /** Seconds since 1970, by the server's clock. */
  readonly time: number;
  /** Undefined in a gap. */
  readonly point: HistoryPoint | undefined;
}

export interface HistoryWatch {
  readonly moments: ReadonlySignal<readonly Moment[]>;
  /** Whether the server keeps the points of a day; undefined before the first answer. */
  readonly keepsDay: ReadonlySignal<boolean | undefined>;
  /** Requests new points; keeps the known ones if the server answers with an error. @throws without an answer */
  ask(): Promise<void>;
}

export function createHistoryWatch(api: Api): HistoryWatch {
  const moments = signal<readonly Moment[]>([]);
  const keepsDay = signal<boolean | undefined>(undefined);
  let ended: readonly HistoryPoint[] = [];

  return {
    moments,
    keepsDay,
    async ask() {
      const last = ended.at(-1)?.at;
      const after = last === undefined ? "" : `?after=${last}`;
      const response = await api.request(`/v1/history${after}`, { responseTimeoutMs });
      if (!response.ok) return;
      const { points, now, day = false } = (await response.json()) as History;
      keepsDay.value = day;
      ended = [...ended, ...points].slice(-pointsLimit);
      moments.value = momentsOf(now === undefined ? ended : [...ended, now]);
    },
  };
}

/** Pure. */
export function momentsOf(points: readonly HistoryPoint[]): readonly Moment[] {
  return points.flatMap((point, i): Moment[] => {
    const end = Date.parse(point.at);
    const before = points[i - 1];
    const begin = end - point.span_ms;
    const isGap = before !== undefined && begin - Date.parse(before.at) > gapMs;
    const gap: Moment[] = isGap ? [{ time: begin / 1_000, point: undefined }] : [];
    return [...gap, { time: end / 1_000, point }];
  });
}
