// Owns how a worker takes traces, where OpenTelemetry's variables ask for it. Nobody else pays: the code is loaded here.
import type { Clock } from "@waggle/async";
import type { Logger, WorkerMetrics } from "@waggle/telemetry";
import type { Traces } from "@waggle/tracing";
import type { WorkerConfig } from "./config.ts";

/** What is left of it when the worker leaves is told the collector in this time, or not at all. */
const stopLimitMs = 1_000;

export interface WorkerTraces {
  readonly traces: Traces;
  /** Sends what is there; nothing goes on afterwards. */
  stop(): Promise<void>;
}

export interface WorkerTracesOptions {
  readonly config: Pick<WorkerConfig, "traces" | "version">;
  readonly log: Logger;
  readonly metrics: Pick<WorkerMetrics, "traceSpans">;
  readonly clock: Clock;
}

/** Undefined where no traces are asked for. */
export async function startTraces(options: WorkerTracesOptions): Promise<WorkerTraces | undefined> {
  const { config, log, metrics, clock } = options;
  const { settings, warnings } = config.traces;
  for (const warning of warnings) log.warn(warning);
  if (settings === undefined) return undefined;
  const { createSpanExporter, createTraces } = await import("@waggle/tracing");
  const exporter = createSpanExporter({
    settings,
    version: config.version,
    clock,
    onSpans: (outcome, count) => metrics.traceSpans.inc({ outcome }, count),
    onFailing(reason) {
      if (reason === undefined) log.info("Traces reach the collector again.");
      else log.warn({ reason }, "Cannot send traces to the collector; they wait, then are dropped.");
    },
  });
  return {
    traces: createTraces({ settings, exporter, clock }),
    stop: () => exporter.stop(stopLimitMs),
  };
}
