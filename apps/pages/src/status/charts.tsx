// Owns the charts of the status page.
import { useComputed } from "@preact/signals";
import type { VNode } from "preact";
import { Chart } from "../parts/chart.tsx";
import type { ChartLine, Figure } from "../parts/chart.tsx";
import { formatFigure } from "../parts/format.ts";
import { workerFigures } from "./figures.ts";
import { seriesOf } from "./series.ts";
import type { Latencies } from "./series.ts";
import type { WorkerWatch } from "./watch-worker.ts";
import { latencyWords } from "./words.ts";

/** @param props.gateway whether the server is a gateway, which has no charts of steps because it runs no forward passes */
export function Charts({ watch, gateway }: { readonly watch: WorkerWatch; readonly gateway: boolean }): VNode {
  const series = useComputed(() => seriesOf(watch.scrapes.value));
  const figures = series.value;
  const last = watch.scrapes.value.at(-1);
  const isUnused = last === undefined || workerFigures(last.values).accepted === 0;
  const shared = {
    heading: "h2",
    times: figures.times,
    empty: isUnused ? "No requests yet" : "No requests since this page was opened",
    emptyWhenZero: true,
  } as const;
  return (
    <section class="charts" aria-label="The last minutes">
      <Chart title="Throughput" unit="tokens/s" {...shared} lines={one(figures.tokensPerSecond)} />
      {!gateway && <Chart title="Batch width" unit="rows per step" {...shared} lines={one(figures.batchWidth)} />}
      <Chart
        title="Slots and queue"
        unit="jobs"
        {...shared}
        lines={[
          { label: "busy", values: figures.slotsBusy },
          { label: "waiting", values: figures.queueDepth },
        ]}
      />
      <Chart title="Time to first token" unit="ms" {...shared} lines={two(figures.ttftP50, figures.ttftP95)} />
      <Chart title="Inter-token latency" unit="ms" {...shared} lines={two(figures.itlP50, figures.itlP95)} />
      {!gateway && <Chart title="Forward pass" unit="ms" {...shared} lines={two(figures.stepP50, figures.stepP95)} />}
    </section>
  );
}

function one(values: readonly Figure[]): readonly ChartLine[] {
  return [{ label: "", values, latest: formatFigure(values.at(-1)) }];
}

function two(p50: Latencies, p95: Latencies): readonly ChartLine[] {
  return [latencyLine("p50", p50), latencyLine("p95", p95)];
}

/** The line shows the estimate within a bucket; the legend shows the bucket's bound, which is certain. */
function latencyLine(label: string, latencies: Latencies): ChartLine {
  return { label, values: latencies.map((latency) => latency?.guess), latest: latencyWords(latencies.at(-1)) };
}
