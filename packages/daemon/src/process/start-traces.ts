// Starts traces in a daemon when OpenTelemetry's variables request traces. Only then is the tracing code imported, so that daemons without traces
// do not load that code.
import type { Clock } from "@waggle/async";
import type { Logger, WorkerMetrics } from "@waggle/telemetry";
import type { DaemonConfig } from "../settings/read-config.ts";
import type { Traces } from "../traces/index.ts";

/** Time limit for sending the last spans at shutdown; the rest is dropped. */
const stopLimitMs = 1_000;

export interface RunningTraces {
  readonly traces: Traces;
  /** Sends the waiting spans, then stops. */
  stop(): Promise<void>;
}

export interface StartTracesOptions {
  readonly config: Pick<DaemonConfig, "traces" | "version">;
  readonly log: Logger;
  readonly clock: Clock;
  /** Counts the spans that were sent or dropped. */
  readonly metrics?: Pick<WorkerMetrics, "traceSpans"> | undefined;
}

/** Returns undefined when the variables request no traces. */
export async function startTraces(options: StartTracesOptions): Promise<RunningTraces | undefined> {
  const { config, log, clock, metrics } = options;
  const { settings, warnings } = config.traces;
  for (const warning of warnings) log.warn(warning);
  if (settings === undefined) return undefined;
  const { createSpanExporter, createTraces } = await import("../traces/index.ts");
  const exporter = createSpanExporter({
    settings,
    version: config.version,
    clock,
    onSpans: (outcome, count) => metrics?.traceSpans.inc({ outcome }, count),
    onFailing(reason) {
      if (reason === undefined) log.info("Traces reach the collector again.");
      else log.warn({ reason }, "Cannot send traces to the collector; waiting spans are dropped at a limit.");
    },
  });
  return {
    traces: createTraces({ settings, exporter, clock }),
    stop: () => exporter.stop(stopLimitMs),
  };
}
