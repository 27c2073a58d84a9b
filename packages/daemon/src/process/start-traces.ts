// Starts traces in a daemon when OpenTelemetry's variables request traces. Only then is the tracing code imported, so that daemons without traces
// do not load that code.
import type { Clock } from "@waggle/async";
import type { Logger } from "@waggle/telemetry";
import type { TraceConfig } from "../settings/trace-variables.ts";
import type { Traces } from "../traces/index.ts";

/** Time limit for sending the last spans at shutdown; the rest is dropped. */
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
  /** Called with the number of spans that were sent or dropped. */
  readonly onSpans?: (outcome: "sent" | "dropped", count: number) => void;
}

/** Returns undefined when the variables request no traces. */
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
      else log.warn({ reason }, "Cannot send traces to the collector; waiting spans are dropped at a limit.");
    },
  });
  return {
    traces: createTraces({ settings, exporter, clock }),
    stop: () => exporter.stop(stopLimitMs),
  };
}
