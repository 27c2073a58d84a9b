// Owns the charts of the hive's page: the last hour of all workers or of one worker.
import { useSignal } from "@preact/signals";
import type { HiveHistoryPoint, Latency } from "@waggle/protocol";
import type { VNode } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import type { ChartContent, ChartLine, Figure } from "../parts/charts/chart.tsx";
import { HistoryCharts, linesOf, percentOf } from "../parts/charts/history-charts.tsx";
import type { Api } from "../wire/api.ts";
import { createHistoryWatch, type Moment } from "../wire/history-watch.ts";
import type { WorkerView } from "./state/hive-view.ts";

const everyone = "";
const askIntervalMs = 2_000;
/** A point in progress has no count yet: a rate over less time would jump. */
const leastSpanMs = 9_000;

export interface ChartsProps {
  readonly api: Api;
  readonly workers: readonly WorkerView[];
  /** Whether jobs also wait at gateways. The charts do not count those, because the hive keeps no history of gateways. */
  readonly fleet: boolean;
}

export function Charts({ api, workers, fleet }: ChartsProps): VNode {
  const chosen = useSignal(everyone);
  // If the chosen worker has left, the charts show all workers.
  const one = workers.find(({ worker }) => worker.worker_id === chosen.value)?.worker.worker_id ?? everyone;
  const query = one === everyone ? "" : `?worker_id=${encodeURIComponent(one)}`;
  const history = useMemo(() => createHistoryWatch<HiveHistoryPoint>(api, `/v1/history${query}`), [query]);
  useEffect(() => {
    const ask = (): void => {
      if (document.visibilityState === "visible") history.ask().catch(() => {});
    };
    ask();
    const timer = setInterval(ask, askIntervalMs);
    return () => clearInterval(timer);
  }, [history]);
  const moments = history.moments.value;
  return (
    <HistoryCharts
      times={moments.map(({ time }) => time)}
      charts={chartsOf(moments, one === everyone && workers.length > 1, fleet)}
      shown={6}
    >
      <label class="row small">
        Show
        <select class="choice" value={one} onChange={(event) => (chosen.value = event.currentTarget.value)}>
          <option value={everyone}>all workers</option>
          {workers.map(({ worker: { worker_id: id } }) => (
            <option value={id} key={id}>
              {id}
            </option>
          ))}
        </select>
      </label>
    </HistoryCharts>
  );
}

/** @param several whether the values of several workers are combined; the labels then show how */
function chartsOf(
  moments: readonly Moment<HiveHistoryPoint>[],
  several: boolean,
  fleet: boolean,
): readonly ChartContent[] {
  const line = linesOf(moments);
  const chart = (title: string, unit: string, lines: readonly ChartLine[]): ChartContent => ({
    ...{ title, unit, lines },
    empty: "Nothing measured yet",
  });
  const quantiles = (latency: (point: HiveHistoryPoint) => Latency | undefined): readonly ChartLine[] => [
    line("p50", (point) => latency(point)?.p50_ms),
    line("p95", (point) => latency(point)?.p95_ms),
  ];
  const cpu = [
    line(several ? "mean" : "busy", (point) => percentOf(point.cpu?.mean)),
    ...(several ? [line("busiest", (point) => percentOf(point.cpu?.most))] : []),
  ];
  const [first, between] = [quantiles(({ ttft }) => ttft), quantiles(({ itl }) => itl)];
  const gpu = [line(several ? "fullest" : "in use", (point) => percentOf(point.gpu_use))];
  return [
    chart("Throughput", "tokens/s", [line("", (point) => point.tokens_per_second)]),
    chart("Slots and queue", "jobs", [
      line("running", ({ running }) => running),
      line(fleet ? "waiting at workers" : "waiting", ({ waiting }) => waiting),
    ]),
    chart("First token", "ms", first),
    chart("Between tokens", "ms", between),
    chart("Requests", "a minute", [
      line("accepted", (point) => perMinute(point, point.accepted)),
      line("errors", (point) => perMinute(point, point.errors)),
    ]),
    { ...chart("CPU", "% of the machine", cpu), top: 100 },
    chart("Memory", "GB", [
      line(several ? "all workers" : "worker", ({ memory }) => gigabytes(memory?.used_bytes)),
      line(several ? "free, least" : "free", ({ memory }) => gigabytes(memory?.free_bytes)),
    ]),
    ...(moments.some(({ point }) => point?.gpu_use !== undefined)
      ? [{ ...chart("GPU memory", "%", gpu), top: 100 }]
      : []),
  ];
}

function perMinute({ span_ms }: HiveHistoryPoint, count: number): Figure {
  return span_ms < leastSpanMs ? undefined : (count * 60_000) / span_ms;
}

const gigabytes = (bytes: Figure): Figure => (bytes === undefined ? undefined : bytes / 1e9);
