// Owns the charts of the hive's page: of all workers or of one worker, on a common time axis.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useMemo } from "preact/hooks";
import { Chart } from "../parts/chart.tsx";
import type { ChartLine, ChartProps, Figure } from "../parts/chart.tsx";
import { seriesOf, stepMs, withNow } from "./state/hive-series.ts";
import type { HiveSeries } from "./state/hive-series.ts";
import type { WorkerView } from "./state/hive-view.ts";

const everyone = "";

export interface ChartsProps {
  readonly workers: readonly WorkerView[];
  /** Whether jobs also wait at gateways. The charts do not count those, because the hive keeps no history of gateways. */
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
        {chartsOf(series, shown.length > 1, fleet).map((content) => (
          <Chart
            {...content}
            key={content.title}
            heading="h3"
            times={series.times}
            empty="Nothing measured yet"
            pointed={pointed}
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

type Content = Pick<ChartProps, "title" | "unit" | "top" | "lines">;

/** @param several whether the values of several workers are combined; the labels then show how */
function chartsOf(series: HiveSeries, several: boolean, fleet: boolean): readonly Content[] {
  const [p50, p95] = several ? (["p50, mean", "p95, slowest"] as const) : (["p50", "p95"] as const);
  const line = (label: string, values: readonly Figure[]): ChartLine => ({ label, values });
  const chart = (title: string, unit: string, ...lines: readonly ChartLine[]): Content => ({ title, unit, lines });
  return [
    chart("Speed", "tokens/s", line("", series.tokensPerSecond)),
    chart(
      "Slots and queue",
      "jobs",
      line("running", series.busy),
      line(fleet ? "waiting at workers" : "waiting", series.queued),
    ),
    chart("Time to first token", "ms", line(p50, series.ttftP50), line(p95, series.ttftP95)),
    chart("Time between tokens", "ms", line(p50, series.itlP50), line(p95, series.itlP95)),
    chart("Requests", "a minute", line("accepted", series.requests), line("errors", series.errors)),
    {
      ...chart(
        "CPU",
        "% of the machine",
        line(several ? "mean" : "busy", series.cpuMean),
        ...(several ? [line("busiest machine", series.cpuMost)] : []),
      ),
      top: 100,
    },
    chart(
      "Memory",
      "GB",
      line(several ? "all workers" : "worker", series.memory),
      line(several ? "free, least" : "free", series.freeMemory),
    ),
    ...(series.gpuMemory.some((value) => value !== undefined)
      ? [{ ...chart("GPU memory", "%", line(several ? "fullest" : "in use", series.gpuMemory)), top: 100 }]
      : []),
  ];
}
