// Owns what a step and a token add to the metrics.
import type { StepStats } from "@waggle/engine";
import type { WorkerMetrics } from "@waggle/telemetry";
import type { Job } from "./jobs/job.ts";

export function recordStep(metrics: WorkerMetrics, stats: StepStats): void {
  metrics.steps.inc();
  metrics.batchWidth.observe(stats.width);
  metrics.stepSeconds.observe(stats.passMs / 1000);
  metrics.stepGapSeconds.observe(stats.gapMs / 1000);
  metrics.threads.set(stats.threads);
}

/** `sincePreviousMs` is undefined for a job's first token. */
export function recordTokens(metrics: WorkerMetrics, job: Job, tokens: number, sincePreviousMs: number | undefined): void {
  metrics.tokensGenerated.inc(tokens);
  if (sincePreviousMs !== undefined) metrics.itlSeconds.observe(sincePreviousMs / 1000);
  else metrics.ttftSeconds.observe(((job.firstTokenAt ?? job.acceptedAt) - job.acceptedAt) / 1000);
}
