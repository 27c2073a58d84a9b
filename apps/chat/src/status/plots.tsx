// Owns which figures over time the page shows.
import { useComputed } from "@preact/signals";
import type { VNode } from "preact";
import { workerFigures } from "./figures.ts";
import { Plot } from "./plot.tsx";
import { seriesOf } from "./series.ts";
import type { Figure, Latencies } from "./series.ts";
import type { WorkerWatch } from "./watch-worker.ts";
import { latencyWords } from "./words.ts";

/** @param props.gateway it computes nothing, so there are no steps */
export function Plots({ watch, gateway }: { readonly watch: WorkerWatch; readonly gateway: boolean }): VNode {
  const series = useComputed(() => seriesOf(watch.scrapes.value));
  const figures = series.value;
  const { times } = figures;
  const last = watch.scrapes.value.at(-1);
  const fresh = last === undefined || workerFigures(last.values).accepted === 0;
  const shared = { times, empty: fresh ? "No requests yet" : "No requests since this page was opened" };
  return (
    <section class="plots" aria-label="The last minutes">
      <Plot title="Throughput" unit="tokens/s" {...shared} lines={one(figures.tokensPerSecond)} />
      {!gateway && <Plot title="Batch width" unit="rows per step" {...shared} lines={one(figures.batchWidth)} />}
      <Plot
        title="Slots and queue"
        unit=""
        {...shared}
        lines={[
          { label: "busy", colour: "line-a", values: figures.slotsBusy },
          { label: "waiting", colour: "line-b", values: figures.queueDepth },
        ]}
      />
      <Plot title="Time to first token" unit="ms" {...shared} lines={two(figures.ttftP50, figures.ttftP95)} />
      <Plot title="Inter-token latency" unit="ms" {...shared} lines={two(figures.itlP50, figures.itlP95)} />
      {!gateway && <Plot title="Forward pass" unit="ms" {...shared} lines={two(figures.stepP50, figures.stepP95)} />}
    </section>
  );
}

function one(values: readonly Figure[]) {
  return [{ label: "", colour: "line-a" as const, values }];
}

function two(p50: Latencies, p95: Latencies) {
  return [
    { label: "p50", colour: "line-a" as const, ...latencyLine(p50) },
    { label: "p95", colour: "line-b" as const, ...latencyLine(p95) },
  ];
}

/** Drawn where it may lie, and told as what is known. */
function latencyLine(latencies: Latencies) {
  return { values: latencies.map((latency) => latency?.guess), latest: latencyWords(latencies.at(-1)) };
}
