// Owns what the history of a worker or a gateway contains: what its jobs did, from the metrics, and figures that only the caller knows.
import { addBuckets, growthOfBuckets, latencyOf } from "@waggle/protocol";
import type { HistoryPoint, Latency, LatencyBuckets } from "@waggle/protocol";
import type { Clock } from "@waggle/async";
import { createHistory } from "./history.ts";
import type { History, HistoryOptions, PointTime } from "./history.ts";
import type { WorkerMetrics } from "./metrics.ts";
import type { WorkCounts } from "./work-counts.ts";

type Figures = Omit<HistoryPoint, keyof PointTime>;
type Load = Pick<Figures, "running" | "waiting">;
/** Figures that only some processes have. */
type OwnFigures = Partial<Pick<Figures, "kv_use" | "cpu_busy" | "free_memory_bytes">>;

export interface WorkHistoryOptions<Own> extends Pick<HistoryOptions<never, never>, "day"> {
  readonly metrics: Pick<WorkerMetrics, "counts" | "latencies">;
  readonly clock: Pick<Clock, "now">;
  /** Jobs in slots and in queues now. */
  load(): Load;
  readonly own: {
    read(): Own;
    figuresOf(before: Own, after: Own): OwnFigures;
  };
}

export interface WorkHistory extends History<Figures> {
  /** Call when a job was accepted or got a slot: a point has the highest load of its time, because a chart of load must show a short peak. */
  sample(): void;
}

type Measured = keyof WorkerMetrics["latencies"];

interface Reading<Own> {
  readonly counts: WorkCounts;
  readonly latencies: Readonly<Record<Measured, LatencyBuckets>>;
  readonly load: Load;
  readonly own: Own;
}

export function createWorkHistory<Own>(options: WorkHistoryOptions<Own>): WorkHistory {
  const { metrics, clock, own } = options;
  let highest = options.load();

  function sample(): Load {
    const { running, waiting } = options.load();
    highest = { running: Math.max(highest.running, running), waiting: Math.max(highest.waiting, waiting) };
    return highest;
  }

  async function read(): Promise<Reading<Own>> {
    const { ttft, itl, step } = metrics.latencies;
    const latencies = { ttft: ttft.buckets(), itl: itl.buckets(), step: step.buckets() };
    const now = { latencies, load: sample(), own: own.read() };
    return { ...now, counts: await metrics.counts() };
  }

  const history = createHistory<Reading<Own>, Figures>({
    clock,
    day: options.day,
    merge: mergePoints,
    read,
    figuresOf(before, after, spanMs) {
      const grown = (count: (counts: WorkCounts) => number): number =>
        Math.max(0, count(after.counts) - count(before.counts));
      const perSecond = (count: number): number => Math.round((count * 10_000) / Math.max(1, spanMs)) / 10;
      const latency = (key: Measured): Latency | undefined =>
        latencyOf(growthOfBuckets(before.latencies[key], after.latencies[key]));
      const steps = grown((counts) => counts.steps);
      return withoutUndefined({
        tokens_per_second: perSecond(grown(({ tokens }) => tokens)),
        prompt_tokens_per_second: perSecond(grown(({ promptTokens }) => promptTokens)),
        accepted: grown(({ accepted }) => accepted),
        errors: growthOfBuckets(before.counts.errors, after.counts.errors),
        ttft: latency("ttft"),
        itl: latency("itl"),
        step: latency("step"),
        batch_width: steps === 0 ? undefined : Math.round((grown(({ rows }) => rows) * 100) / steps) / 100,
        ...after.load,
        ...own.figuresOf(before.own, after.own),
      });
    },
  });

  return {
    sample: () => void sample(),
    since: history.since,
    async take() {
      const taken = history.take();
      highest = options.load();
      await taken;
    },
  };
}

/** Makes one point of the points of a longer time. A row on disk may be from an earlier version, without buckets. */
export function mergePoints(points: readonly HistoryPoint[]): Figures {
  const mean = (figure: (point: HistoryPoint) => number | undefined): number | undefined => {
    const known = points.filter((point) => figure(point) !== undefined);
    const span = sumOf(known, ({ span_ms }) => span_ms);
    return known.length === 0 ? undefined : sumOf(known, (point) => (figure(point) ?? 0) * point.span_ms) / span;
  };
  const latency = (key: Measured): Latency | undefined =>
    latencyOf(addBuckets(points.map((point) => point[key]?.buckets ?? {})));
  const free = points.map(({ free_memory_bytes }) => free_memory_bytes).filter((bytes) => bytes !== undefined);
  return withoutUndefined({
    tokens_per_second: mean(({ tokens_per_second }) => tokens_per_second) ?? 0,
    prompt_tokens_per_second: mean(({ prompt_tokens_per_second }) => prompt_tokens_per_second) ?? 0,
    running: Math.max(...points.map(({ running }) => running)),
    waiting: Math.max(...points.map(({ waiting }) => waiting)),
    accepted: sumOf(points, ({ accepted }) => accepted),
    errors: addBuckets(points.map(({ errors }) => errors)),
    ttft: latency("ttft"),
    itl: latency("itl"),
    step: latency("step"),
    batch_width: mean(({ batch_width }) => batch_width),
    kv_use: mean(({ kv_use }) => kv_use),
    cpu_busy: mean(({ cpu_busy }) => cpu_busy),
    free_memory_bytes: free.length === 0 ? undefined : Math.min(...free),
  });
}

function sumOf<T>(all: readonly T[], value: (one: T) => number): number {
  return all.reduce((sum, one) => sum + value(one), 0);
}

/** JSON leaves out undefined values; without them, a point equals what a client reads. */
function withoutUndefined<T extends object>(figures: T): T {
  return Object.fromEntries(Object.entries(figures).filter(([, value]) => value !== undefined)) as T;
}
