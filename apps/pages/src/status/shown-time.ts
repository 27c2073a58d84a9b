// Owns the time that the page shows: the last hour, which continues, or a part of the day that the server keeps on disk.
import { computed, effect, signal, type ReadonlySignal } from "@preact/signals";
import type { EndedJob, History, JobList } from "@waggle/protocol";
import type { Api } from "../wire/api.ts";
import { momentsOf, pointsLimit, type Moment } from "./charts/history-watch.ts";
import { responseProblem } from "../wire/problem.ts";

/** Milliseconds since 1970. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export const hourMs = 3_600_000;
export const dayMs = 24 * hourMs;
const intervalMs = 10_000;

export interface PastView {
  readonly moments: readonly Moment[];
  readonly ended: readonly EndedJob[];
}

export interface ShownTime {
  /** Undefined for the last hour. */
  readonly span: ReadonlySignal<Span | undefined>;
  /** What happened in `span`; undefined for the last hour, and until the answer. */
  readonly past: ReadonlySignal<PastView | undefined>;
  /** Why the past cannot be read. */
  readonly trouble: ReadonlySignal<string | undefined>;
  /** Length of a point, in milliseconds. */
  readonly stepMs: ReadonlySignal<number>;
  show(span: Span | undefined): void;
}

/** Points of this length fill a chart. */
function stepOf({ from, to }: Span): number {
  return Math.max(1, Math.ceil((to - from) / pointsLimit / intervalMs)) * intervalMs;
}

/** The whole hours of the last day, newest first. */
export function wholeHours(now: number): readonly Span[] {
  const newest = new Date(now).setMinutes(0, 0, 0);
  return Array.from({ length: 23 }, (_, i) => ({ from: newest - (i + 1) * hourMs, to: newest - i * hourMs }));
}

export function createShownTime(api: Api): ShownTime {
  const span = signal<Span | undefined>(undefined);
  const past = signal<PastView | undefined>(undefined);
  const trouble = signal<string | undefined>(undefined);

  async function read<T>(path: string, signal: AbortSignal): Promise<T> {
    const response = await api.request(path, { signal });
    if (!response.ok) throw new Error((await responseProblem(response)).message);
    return (await response.json()) as T;
  }

  effect(() => {
    const wanted = span.value;
    past.value = trouble.value = undefined;
    if (wanted === undefined) return undefined;
    const reading = new AbortController();
    const [from, to] = [new Date(wanted.from).toISOString(), new Date(wanted.to).toISOString()];
    Promise.all([
      read<History>(`/v1/history?after=${from}&until=${to}&step=${stepOf(wanted) / 1_000}`, reading.signal),
      read<JobList>(`/v1/jobs?ended&since=${from}&until=${to}`, reading.signal),
    ]).then(
      ([{ points }, { ended = [] }]) => (past.value = { moments: momentsOf(points), ended }),
      (error: unknown) => {
        if (!reading.signal.aborted) trouble.value = error instanceof Error ? error.message : String(error);
      },
    );
    return () => reading.abort();
  });

  return {
    ...{ span, past, trouble },
    stepMs: computed(() => (span.value === undefined ? intervalMs : stepOf(span.value))),
    show: (wanted) => void (span.value = wanted),
  };
}
