// Owns the charts of the status page: the last hour of the worker or gateway.
import type { HistoryPoint, Latency } from "@waggle/protocol";
import type { VNode } from "preact";
import type { ChartContent, ChartLine } from "../parts/charts/chart.tsx";
import { HistoryCharts, linesOf, percentOf } from "../parts/charts/history-charts.tsx";
import { workerFigures } from "./figures.ts";
import type { WorkerWatch } from "./watch-worker.ts";

/** The error code of requests for which there is no room: the queue or a quota is full. */
const fullCode = "resource_exhausted";

/** @param props.gateway whether the server is a gateway, which has no charts of steps because it runs no forward passes */
export function Charts({ watch, gateway }: { readonly watch: WorkerWatch; readonly gateway: boolean }): VNode {
  const moments = watch.history.moments.value;
  const scrape = watch.scrape.value;
  const isUnused = scrape === undefined || workerFigures(scrape).accepted === 0;
  const line = linesOf(moments);
  const quantiles = (latency: (point: HistoryPoint) => Latency | undefined): readonly ChartLine[] => [
    line("p50", (point) => latency(point)?.p50_ms),
    line("p95", (point) => latency(point)?.p95_ms),
  ];
  const noRequests = "No requests yet";
  const empty = isUnused ? noRequests : "No requests in this time";
  const chart = (title: string, unit: string, lines: readonly ChartLine[]): ChartContent => ({
    ...{ title, unit, lines, empty },
    emptyWhenZero: true,
  });
  const errorsOf = ({ errors }: HistoryPoint): number => Object.values(errors).reduce((sum, more) => sum + more, 0);
  const charts = [
    chart("Throughput", "tokens/s", [
      line("answers", (point) => point.tokens_per_second),
      line("prompts", (point) => point.prompt_tokens_per_second),
    ]),
    chart("Slots and queue", "jobs", [
      line("running", ({ running }) => running),
      line("waiting", ({ waiting }) => waiting),
    ]),
    chart(
      "Time to first token",
      "ms",
      quantiles(({ ttft }) => ttft),
    ),
    chart(
      "Inter-token latency",
      "ms",
      quantiles(({ itl }) => itl),
    ),
    {
      ...chart("Errors", "in 10 s", [
        line("no room", ({ errors }) => errors[fullCode] ?? 0),
        line("others", (point) => errorsOf(point) - (point.errors[fullCode] ?? 0)),
      ]),
      empty: isUnused ? noRequests : "No errors in this time",
    },
    ...(gateway
      ? []
      : [
          chart(
            "Forward pass",
            "ms",
            quantiles(({ step }) => step),
          ),
          chart("Batch width", "rows per step", [line("", (point) => point.batch_width)]),
          { ...chart("KV cache", "% in use", [line("", ({ kv_use }) => percentOf(kv_use))]), top: 100 },
          {
            ...chart("CPU", "% of the machine", [line("", ({ cpu_busy }) => percentOf(cpu_busy))]),
            ...{ top: 100, empty: "Nothing measured yet", emptyWhenZero: false },
          },
        ]),
  ];
  return <HistoryCharts times={moments.map(({ time }) => time)} charts={charts} />;
}
