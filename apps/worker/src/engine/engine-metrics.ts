// Owns what the metrics say of an engine, from its events.
import type { EngineEvent } from "@waggle/engine";
import type { WorkerMetrics } from "@waggle/telemetry";

export function recordEngineEvent(metrics: WorkerMetrics, event: EngineEvent): void {
  switch (event.type) {
    case "step":
      if (event.stats === undefined) return;
      metrics.steps.inc();
      metrics.batchWidth.observe(event.stats.width);
      metrics.stepSeconds.observe(event.stats.passMs / 1000);
      metrics.stepGapSeconds.observe(event.stats.gapMs / 1000);
      metrics.contextShifts.inc(event.stats.shifts);
      metrics.threads.set(event.stats.threads);
      return;
    case "prefix_store":
      metrics.prefixTransfers.inc({ operation: event.operation });
      metrics.prefixTransferSeconds.observe(event.ms / 1000);
      metrics.prefixStates.set(event.states);
      metrics.prefixBytes.set(event.bytes);
      return;
    case "process_stats":
      metrics.engineEventLoopUtilization.set(event.eventLoopUtilization);
      metrics.engineRssBytes.set(event.rssBytes);
      return;
    default:
  }
}
