// Creates the metrics of a process: an object with a typed property for each row of the table, on registries that no other object uses.
import { performance } from "node:perf_hooks";
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from "prom-client";
import type { Metric } from "prom-client";
import { createLatencies } from "./latencies.ts";
import type { Latencies } from "./latencies.ts";
import { metricTable } from "./metric-table.ts";
import type { DerivedValue, MetricRow, MetricTable, ModelMetricTable } from "./metric-table.ts";
import { createModelSeries } from "./model-metrics.ts";
import { readSums, readWorkCounts } from "./work-counts.ts";
import type { WorkCounts } from "./work-counts.ts";
import type { ModelSeries } from "./model-metrics.ts";

type LabelOf<R extends MetricRow> = R["labels"][number];
type MetricOf<R extends MetricRow> = R["kind"] extends "counter"
  ? Counter<LabelOf<R>>
  : R["kind"] extends "gauge"
    ? Gauge<LabelOf<R>>
    : Histogram<LabelOf<R>>;

type WorkerMetricTable = Omit<MetricTable, keyof ModelMetricTable>;

/** Metrics per model are reached through `ofModel`. */
export type WorkerMetrics = { readonly [K in keyof WorkerMetricTable]: MetricOf<MetricTable[K]> } & ModelSeries & {
    /** Latencies of all models together, for quantiles over the last seconds. */
    readonly latencies: { readonly ttft: Latencies; readonly itl: Latencies; readonly step: Latencies };
    /** What all models together have done since the process began. */
    counts(): Promise<WorkCounts>;
    /** The content type of `text()`. */
    readonly contentType: string;
    /**
     * All metrics in Prometheus' text format, including those of Node's process.
     * @param whose `worker` leaves out the metrics of single clients
     */
    text(whose?: "all" | "worker"): Promise<string>;
    /** Sets the one-hot `state` gauge: `current` is 1 and all other states are 0. */
    setState(current: string, all: readonly string[]): void;
  };

/** Milliseconds between two measurements of the event loop's delay. Node's default of 10 would wake an idle daemon 100 times a second. */
const loopDelayResolutionMs = 20;

/** Creates metrics that are all zero, on new registries. @param ofNode with those of Node's process, whose timers run until its end */
export function createWorkerMetrics({ ofNode = true } = {}): WorkerMetrics {
  const registry = new Registry();
  const clients = new Registry();
  if (ofNode) collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: loopDelayResolutionMs });
  const byName = new Map<string, Metric>();
  const readDerived = async (from: DerivedValue): Promise<number> =>
    from(await readSums((key) => byName.get(key), sourcesOf(from)));
  const entries = Object.entries<MetricRow>(metricTable).map(([key, row]) => {
    return [key, createMetric(row, row.labels.includes("client") ? clients : registry, readDerived)] as const;
  });
  const metrics = Object.fromEntries(entries) as { [K in keyof WorkerMetricTable]: MetricOf<MetricTable[K]> };
  const latencies = { ttft: createLatencies(), itl: createLatencies(), step: createLatencies() };
  const byKey = new Map([
    ["ttftSeconds", latencies.ttft],
    ["itlSeconds", latencies.itl],
    ["stepSeconds", latencies.step],
  ]);
  for (const [key, metric] of entries) byName.set(key, metric);
  // A value of 0 is an alert, which a process without a fleet must not raise.
  metrics.fleetConnected.remove();
  return {
    ...metrics,
    ...createModelSeries(byName, byKey),
    latencies,
    counts: async () => await readWorkCounts((key) => byName.get(key)),
    contentType: registry.contentType,
    async text(whose = "all") {
      const worker = await registry.metrics();
      return whose === "worker" ? worker : `${worker}${await clients.metrics()}`;
    },
    setState(current, all) {
      for (const state of all) metrics.state.set({ state }, state === current ? 1 : 0);
    },
  };
}

/** The rows from which a row is made. Reading others costs time, and the event loop's utilization would begin anew. */
function sourcesOf(from: DerivedValue): readonly string[] {
  const keys = new Set<string>();
  from((key) => keys.add(key).size);
  return [...keys];
}

function createMetric(
  row: MetricRow,
  registry: Registry,
  valueOf: (from: DerivedValue) => Promise<number>,
): Counter | Gauge | Histogram {
  const { name, help, from } = row;
  const common = { name, help, labelNames: [...row.labels], registers: [registry] };
  const derived =
    from === undefined
      ? {}
      : {
          async collect(this: Counter | Gauge) {
            const value = await valueOf(from);
            this.reset();
            this.inc(value);
          },
        };
  switch (row.kind) {
    case "counter":
      return new Counter({ ...common, ...derived });
    case "gauge":
      if (name === metricTable.eventLoopUtilization.name) return createUtilizationGauge(common);
      return new Gauge({ ...common, ...derived });
    case "histogram":
      return new Histogram({ ...common, buckets: [...(row.buckets ?? [])] });
  }
}

/** At each scrape, the gauge shows the event loop's busy share since the previous scrape. */
function createUtilizationGauge(options: { name: string; help: string; registers: Registry[] }): Gauge {
  let last = performance.eventLoopUtilization();
  return new Gauge({
    ...options,
    collect() {
      const now = performance.eventLoopUtilization();
      this.set(performance.eventLoopUtilization(now, last).utilization);
      last = now;
    },
  });
}
