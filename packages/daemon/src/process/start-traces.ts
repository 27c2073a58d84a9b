// Starts traces in a daemon when OpenTelemetry's variables ask for them. The tracing code is imported here, so that daemons without traces do not
// load it.
import type { Clock } from "@waggle/async";
import type { Logger } from "@waggle/telemetry";
import type { TraceConfig } from "../settings/trace-variables.ts";
import type { Traces } from "../traces/index.ts";

/** The last spans reach the collector within this time, or are dropped. */
const stopLimitMs = 1_000;

export interface RunningTraces {
  readonly traces: Traces;
  /** Sends the waiting spans, then stops. */
  stop(): Promise<void>;
}

export interface StartTracesOptions {
  readonly config: { readonly traces: TraceConfig; readonly version: string };
  readonly log: Logger;
  readonly clock: Clock;
  /** Counts spans. */
  readonly onSpans?: (outcome: "sent" | "dropped", count: number) => void;
}

/** Undefined when the variables ask for no traces. */
export async function startTraces(options: StartTracesOptions): Promise<RunningTraces | undefined> {
  const { config, log, clock, onSpans = () => {} } = options;
  const { settings, warnings } = config.traces;
  for (const warning of warnings) log.warn(warning);
  if (settings === undefined) return undefined;
  const { createSpanExporter, createTraces } = await import("../traces/index.ts");
  const exporter = createSpanExporter({
    settings,
    version: config.version,
    clock,
    onSpans,
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
