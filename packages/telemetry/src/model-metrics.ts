// Binds each metric that has separate series per model to one model's name.
import { Counter, Gauge, Histogram } from "prom-client";
import type { Latencies } from "./latencies.ts";
import type { Metric } from "prom-client";
import { metricTable, modelLabel } from "./metric-table.ts";
import type { MetricRow, ModelMetricTable } from "./metric-table.ts";

/** Arguments of a bound metric: the labels other than the model's, if the metric has any, then the number. */
type Call<L extends string, N extends readonly unknown[]> = [L] extends [never]
  ? N
  : [labels: Readonly<Record<L, string>>, ...N];
type OwnLabels<R extends MetricRow> = Exclude<R["labels"][number], typeof modelLabel>;

type BoundMetric<R extends MetricRow> = R["kind"] extends "counter"
  ? { inc(...call: Call<OwnLabels<R>, [by?: number]>): void }
  : R["kind"] extends "gauge"
    ? { set(...call: Call<OwnLabels<R>, [to: number]>): void }
    : { observe(value: number): void };

/** One model's metrics. */
export type ModelMetrics = { readonly [K in keyof ModelMetricTable]: BoundMetric<ModelMetricTable[K]> } & {
  /** Creates counters and histograms without other labels at 0, so that Prometheus sees their first count as an increase. Idempotent. */
  begin(): void;
};

export interface ModelSeries {
  /** Returns the same object for the same name, at the cost of a map lookup. */
  ofModel(name: string): ModelMetrics;
  /** Moves the counts of a model to the name that is learned when the model loads. Histograms are not moved: they have no values before a model is loaded. */
  renameModel(from: string, to: string): Promise<void>;
  /** Removes the gauges of all models. The caller then sets the gauges of present models, so that removed models leave no gauges. */
  resetModelGauges(): void;
}

const modelRows = Object.entries<MetricRow>(metricTable).filter(([, row]) => row.perModel);

/**
 * @param metrics the metrics by their keys in the table
 * @param latencies the latencies of all models together, by the same keys
 */
export function createModelSeries(
  metrics: ReadonlyMap<string, Metric>,
  latencies: ReadonlyMap<string, Latencies>,
): ModelSeries {
  const known = new Map<string, ModelMetrics>();
  const own = modelRows.flatMap(([key, row]) => {
    const metric = metrics.get(key);
    return metric === undefined ? [] : [{ key, row, metric }];
  });

  function bindAll(model: string): ModelMetrics {
    let begun = false;
    const bound = Object.fromEntries(
      own.map(({ key, metric }) => [key, bind(metric, { [modelLabel]: model }, latencies.get(key))]),
    );
    const begin = (): void => {
      if (begun) return;
      begun = true;
      for (const { row, metric } of own) if (row.labels.length === 1) showZero(metric, { [modelLabel]: model });
    };
    return { ...bound, begin } as ModelMetrics;
  }

  function ofModel(name: string): ModelMetrics {
    let found = known.get(name);
    if (found === undefined) known.set(name, (found = bindAll(name)));
    return found;
  }

  return {
    ofModel,
    async renameModel(from, to) {
      known.delete(from);
      await Promise.all(own.map(async ({ metric }) => await moveSeries(metric, from, to)));
    },
    resetModelGauges() {
      for (const { metric } of own) if (metric instanceof Gauge) metric.reset();
    },
  };
}

type Labels = Readonly<Record<string, string>>;

/** @param modelLabels the model's label with its value */
function bind(metric: Metric, modelLabels: Labels, latencies: Latencies | undefined): object {
  const split = (call: readonly [(Labels | number)?, number?]): [Labels, number | undefined] => {
    const [first, second] = call;
    return typeof first === "object" ? [{ ...first, ...modelLabels }, second] : [modelLabels, first];
  };
  if (metric instanceof Counter) return { inc: (...call: [(Labels | number)?, number?]) => metric.inc(...split(call)) };
  if (metric instanceof Histogram)
    return latencies === undefined ? metric.labels(modelLabels) : both(metric.labels(modelLabels), latencies);
  return {
    set(...call: [Labels | number, number?]) {
      const [labels, to = 0] = split(call);
      (metric as Gauge).set(labels, to);
    },
  };
}

type Observer = Pick<Latencies, "observe">;

function both(one: Observer, other: Observer): Observer {
  return {
    observe(value) {
      one.observe(value);
      other.observe(value);
    },
  };
}

function showZero(metric: Metric, modelLabels: Labels): void {
  if (metric instanceof Counter) metric.inc(modelLabels, 0);
  else if (metric instanceof Histogram) metric.zero(modelLabels);
}

async function moveSeries(metric: Metric, from: string, to: string): Promise<void> {
  if (metric instanceof Histogram) metric.remove({ [modelLabel]: from });
  if (!(metric instanceof Counter)) return;
  for (const { labels, value } of (await metric.get()).values) {
    if (labels[modelLabel] !== from) continue;
    metric.remove(labels);
    metric.inc({ ...labels, [modelLabel]: to }, value);
  }
}
