// Owns the series of the charts: computes values of one worker or all workers at common times, from heartbeats at any times. Pure.
import type { Figure } from "../../parts/chart.tsx";
import type { Sample, WorkerView } from "./hive-view.ts";
import { holdsMs } from "./worker-figures.ts";

/** Milliseconds: the span of the charts, and the step between their points. */
export const spanMs = 900_000;
export const stepMs = 5_000;
/** Shortest span of the charts, even with few heartbeats. */
const leastSpanMs = 60_000;

export interface HiveSeries {
  /** Seconds since 1970, by the hive's clock. */
  readonly times: readonly number[];
  readonly tokensPerSecond: readonly Figure[];
  readonly busy: readonly Figure[];
  readonly queued: readonly Figure[];
  /** Milliseconds: the mean of several workers, and the value of the slowest worker. */
  readonly ttftP50: readonly Figure[];
  readonly ttftP95: readonly Figure[];
  readonly itlP50: readonly Figure[];
  readonly itlP95: readonly Figure[];
  /** Per minute. */
  readonly requests: readonly Figure[];
  readonly errors: readonly Figure[];
  /** Percent: the mean of several workers' machines, and the value of the busiest machine. */
  readonly cpuMean: readonly Figure[];
  readonly cpuMost: readonly Figure[];
  /** Gigabytes: workers and engines together, and the free memory of the fullest machine. */
  readonly memory: readonly Figure[];
  readonly freeMemory: readonly Figure[];
  /** Percent of the fullest GPU's memory. */
  readonly gpuMemory: readonly Figure[];
}

/** One worker's heartbeats for one point. */
interface Reading {
  /** Heartbeats since the previous point, oldest first; or only the last heartbeat, if it is still valid and no other arrived. */
  readonly came: readonly Sample[];
  readonly last: Sample;
  /** The last heartbeat before `came`. */
  readonly before: Sample | undefined;
}

type Latency = "ttft" | "itl";

/** The series up to the last step. @param now the hive's clock, milliseconds since 1970 */
export function seriesOf(views: readonly WorkerView[], now: number): HiveSeries {
  const times = timesOf(views, now);
  return pointsAt(times, readingsAt(views, times));
}

/** Adds a last point with the values of the last heartbeats, which the totals show too. */
export function withNow(series: HiveSeries, views: readonly WorkerView[], now: number): HiveSeries {
  const last = pointsAt([now], [readingsNow(views, now)]);
  const names = Object.keys(series) as (keyof HiveSeries)[];
  return Object.fromEntries(names.map((name) => [name, [...series[name], ...last[name]]])) as unknown as HiveSeries;
}

/** @param readings the readings of all workers at each time */
function pointsAt(times: readonly number[], readings: readonly (readonly Reading[])[]): HiveSeries {
  const fold = (
    figures: (reading: Reading) => readonly Figure[],
    how: (values: readonly number[]) => number,
  ): Figure[] =>
    readings.map((at) => {
      const values = at.flatMap(figures).filter((value) => value !== undefined);
      return values.length === 0 ? undefined : how(values);
    });
  const last = (figure: (sample: Sample) => Figure, how: typeof sum): Figure[] => fold((at) => [figure(at.last)], how);
  const latency = (of: Latency, p: "p50_ms" | "p95_ms", how: typeof sum): Figure[] =>
    fold(({ came }) => came.map(({ load }) => load?.[of]?.[p]), how);
  return {
    times: times.map((time) => time / 1_000),
    tokensPerSecond: fold(({ came }) => [meanOf(came.map(({ tokensPerSecond }) => tokensPerSecond))], sum),
    // A chart of load must show a short peak.
    busy: fold(({ came }) => [most(came.map(({ busy }) => busy))], sum),
    queued: fold(({ came }) => [most(came.map(({ queued }) => queued))], sum),
    ttftP50: latency("ttft", "p50_ms", mean),
    ttftP95: latency("ttft", "p95_ms", most),
    itlP50: latency("itl", "p50_ms", mean),
    itlP95: latency("itl", "p95_ms", most),
    requests: fold((reading) => [perMinute(reading, (load) => load.requests.accepted)], sum),
    errors: fold((reading) => [perMinute(reading, (load) => load.jobs.failed)], sum),
    cpuMean: last(({ load }) => percentOf(load?.cpu.busy), mean),
    cpuMost: last(({ load }) => percentOf(load?.cpu.busy), most),
    memory: last(({ load }) => gigabytes(load && load.memory.worker_bytes + load.memory.engine_bytes), sum),
    freeMemory: last(({ load }) => gigabytes(load?.memory.free_bytes), least),
    gpuMemory: last(({ load }) => percentOf(load?.gpu && load.gpu.used_bytes / (load.gpu.total_bytes || 1)), most),
  };
}

/** The times of the points, from the first heartbeat of any worker to the last step. */
function timesOf(views: readonly WorkerView[], now: number): number[] {
  const end = Math.floor(now / stepMs) * stepMs;
  const first = least(views.flatMap(({ samples }) => samples[0]?.at ?? []));
  const begin = Math.max(end - spanMs, Math.min(end - leastSpanMs, Math.ceil(first / stepMs) * stepMs));
  return Array.from({ length: (end - begin) / stepMs + 1 }, (_, i) => begin + i * stepMs);
}

function readingsAt(views: readonly WorkerView[], times: readonly number[]): Reading[][] {
  const readings = times.map((): Reading[] => []);
  for (const view of views) {
    const { samples } = view;
    const begin = (times[0] ?? 0) - stepMs;
    let next = samples.findIndex(({ at }) => at > begin);
    if (next === -1) next = samples.length;
    for (const [i, time] of times.entries()) {
      const first = next;
      while ((samples[next]?.at ?? Infinity) <= time) next += 1;
      const from = next > first ? first : next - 1;
      const last = samples[next - 1];
      if (last === undefined || !holdsAt(view, last, time)) continue;
      readings[i]?.push({ came: samples.slice(from, next), last, before: samples[from - 1] });
    }
  }
  return readings;
}

function readingsNow(views: readonly WorkerView[], now: number): Reading[] {
  return views.flatMap((view) => {
    const last = view.samples.at(-1);
    return last === undefined || !holdsAt(view, last, now) ? [] : [{ came: [last], last, before: view.samples.at(-2) }];
  });
}

function holdsAt(view: WorkerView, { at }: Sample, time: number): boolean {
  return time - at < Math.max(holdsMs(view), stepMs);
}

function perMinute({ last, before }: Reading, count: (load: NonNullable<Sample["load"]>) => number): Figure {
  if (last.load === undefined || before?.load === undefined || last.at <= before.at) return undefined;
  const restarted = last.load.started_at !== before.load.started_at;
  const grown = count(last.load) - (restarted ? 0 : count(before.load));
  return (Math.max(0, grown) * 60_000) / (last.at - before.at);
}

function meanOf(values: readonly Figure[]): Figure {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : mean(known);
}

const percentOf = (share: Figure): Figure => (share === undefined ? undefined : 100 * share);
const gigabytes = (bytes: Figure): Figure => (bytes === undefined ? undefined : bytes / 1e9);
const sum = (values: readonly number[]): number => values.reduce((all, one) => all + one, 0);
const mean = (values: readonly number[]): number => sum(values) / values.length;
const most = (values: readonly number[]): number => Math.max(...values);
const least = (values: readonly number[]): number => Math.min(...values);
