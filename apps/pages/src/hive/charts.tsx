// Owns the charts of the hive's page: of all workers or of one worker, on a common time axis.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useMemo } from "preact/hooks";
import { Chart } from "../parts/chart.tsx";
import type { ChartProps } from "../parts/chart.tsx";
import { seriesOf, stepMs, withNow } from "./state/hive-series.ts";
import type { HiveSeries } from "./state/hive-series.ts";
import type { WorkerView } from "./state/hive-view.ts";

const everyone = "";

export interface ChartsProps {
  readonly workers: readonly WorkerView[];
  /** Whether jobs also wait at gateways, which have no history here. */
  readonly fleet: boolean;
  /** The hive's clock, milliseconds since 1970. */
  readonly hiveNow: number;
}

export function Charts({ workers, fleet, hiveNow }: ChartsProps): VNode {
  const chosen = useSignal(everyone);
  const pointed = useSignal<number | undefined>(undefined);
  // If the chosen worker has left, the charts show all workers.
  const one = workers.find(({ worker }) => worker.worker_id === chosen.value);
  const shown = one === undefined ? workers : [one];
  const times = Math.floor(hiveNow / stepMs);
  const newest = Math.max(0, ...shown.map(({ samples }) => samples.length));
  // Heartbeats arrive all the time, so the past is recomputed only at each step, and at a worker's first heartbeats.
  const past = useMemo(
    () => seriesOf(shown, hiveNow),
    [times, one?.worker.worker_id, shown.length, Math.min(newest, 3)],
  );
  const series = withNow(past, shown, hiveNow);
  return (
    <section class="stack" aria-labelledby="charts-title">
      <div class="spread wrap">
        <h2 id="charts-title">{spanWords(series.times)}</h2>
        <label class="row small">
          Show
          <select
            class="choice"
            value={one === undefined ? everyone : chosen.value}
            onChange={(event) => (chosen.value = event.currentTarget.value)}
          >
            <option value={everyone}>all workers</option>
            {workers.map(({ worker: { worker_id: id } }) => (
              <option value={id} key={id}>
                {id}
              </option>
            ))}
          </select>
        </label>
      </div>
      <div class="charts">
        {chartsOf(series, shown.length > 1, fleet).map(({ title, unit, top, lines }) => (
          <Chart
            {...{ title, unit, top, lines, pointed }}
            key={title}
            heading="h3"
            times={series.times}
            empty="Nothing measured yet"
          />
        ))}
      </div>
    </section>
  );
}

/** @param times seconds */
function spanWords(times: readonly number[]): string {
  const minutes = Math.round(((times.at(-1) ?? 0) - (times[0] ?? 0)) / 60);
  return minutes <= 1 ? "Last minute" : `Last ${minutes} minutes`;
}

type Content = Required<Pick<ChartProps, "title" | "unit" | "top" | "lines">>;

/** @param several whether values of several workers are combined, which the labels then explain */
function chartsOf(series: HiveSeries, several: boolean, fleet: boolean): readonly Content[] {
  const [p50, p95] = several ? ["p50, mean", "p95, slowest"] : ["p50", "p95"];
  const cpu = [
    { label: several ? "mean" : "busy", values: series.cpuMean },
    ...(several ? [{ label: "busiest machine", values: series.cpuMost }] : []),
  ];
  const charts: Content[] = [
    { title: "Speed", unit: "tokens/s", top: 1, lines: [{ label: "", values: series.tokensPerSecond }] },
    {
      ...{ title: "Slots and queue", unit: "jobs", top: 1 },
      lines: [
        { label: "running", values: series.busy },
        { label: fleet ? "waiting at workers" : "waiting", values: series.queued },
      ],
    },
    {
      ...{ title: "Time to first token", unit: "ms", top: 1 },
      lines: [
        { label: p50 ?? "", values: series.ttftP50 },
        { label: p95 ?? "", values: series.ttftP95 },
      ],
    },
    {
      ...{ title: "Time between tokens", unit: "ms", top: 1 },
      lines: [
        { label: p50 ?? "", values: series.itlP50 },
        { label: p95 ?? "", values: series.itlP95 },
      ],
    },
    {
      ...{ title: "Requests", unit: "a minute", top: 1 },
      lines: [
        { label: "accepted", values: series.requests },
        { label: "errors", values: series.errors },
      ],
    },
    { title: "CPU", unit: "% of the machine", top: 100, lines: cpu },
    {
      ...{ title: "Memory", unit: "GB", top: 1 },
      lines: [
        { label: several ? "all workers" : "worker", values: series.memory },
        { label: several ? "free, least" : "free", values: series.freeMemory },
      ],
    },
  ];
  if (series.gpuMemory.some((value) => value !== undefined)) {
    const label = several ? "fullest" : "in use";
    charts.push({ title: "GPU memory", unit: "%", top: 100, lines: [{ label, values: series.gpuMemory }] });
  }
  return charts;
}
