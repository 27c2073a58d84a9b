// Owns what the log and the metrics say about the life of a stream: one line for each turn, always with the same keys.
import type { Logger, WorkerMetrics } from "@waggle/telemetry";
import type { Job, Outcome } from "./job.ts";

export interface LifecycleOptions {
  readonly log: Logger;
  readonly metrics: WorkerMetrics;
  readonly model: () => string;
}

export interface Lifecycle {
  accepted(job: Job): void;
  started(job: Job): void;
  status(job: Job, status: string): void;
  firstToken(job: Job, tokens: number): void;
  nextToken(tokens: number, sincePreviousMs: number): void;
  /** `steps`: forward passes between the cancel and its slot being free. */
  cancelled(steps: number): void;
  ended(job: Job, outcome: Outcome): void;
  predecessorLeft(heir: Job, cleanly: boolean): void;
  readerCutOff(): void;
  /** Model tokens generated so far, by all jobs. */
  readonly tokens: number;
}

export function createLifecycle({ log, metrics, model }: LifecycleOptions): Lifecycle {
  const keys = (job: Job) => ({
    trace: job.spec.scope.trace,
    session: job.spec.scope.sessionId ?? null,
    model: model(),
    job: job.id,
  });
  let generated = 0;
  const count = (tokens: number): void => {
    generated += tokens;
    metrics.tokensGenerated.inc(tokens);
  };
  return {
    get tokens() {
      return generated;
    },
    accepted(job) {
      metrics.jobsAccepted.inc();
      log.debug(keys(job), "stream_accepted");
    },
    started(job) {
      metrics.promptTokens.inc(job.counts.promptTokens);
      metrics.cachedPromptTokens.inc(job.counts.cachedTokens);
      metrics.queueSeconds.observe(((job.startedAt ?? job.acceptedAt) - job.acceptedAt) / 1000);
      log.info(keys(job), "stream_start");
    },
    status(job, status) {
      log.debug({ ...keys(job), status }, "stream_status");
    },
    firstToken(job, tokens) {
      count(tokens);
      metrics.ttftSeconds.observe(((job.firstTokenAt ?? job.acceptedAt) - job.acceptedAt) / 1000);
    },
    nextToken(tokens, sincePreviousMs) {
      count(tokens);
      metrics.itlSeconds.observe(sincePreviousMs / 1000);
    },
    cancelled: (steps) => metrics.cancelSteps.observe(steps),
    ended(job, outcome) {
      metrics.jobsEnded.inc({ outcome: outcome.type, reason: reasonOf(outcome) });
      if (outcome.type !== "finished") {
        log.info({ ...keys(job), reason: reasonOf(outcome) }, "stream_cancelled");
      }
      // A stream that never had a slot has no stream_start, so it has no stream_end either.
      if (job.startedAt === undefined) return;
      const duration = Math.round((job.endedAt ?? job.startedAt) - job.startedAt);
      log.info({ ...keys(job), duration_ms: duration, tokens: job.counts.completionTokens }, "stream_end");
    },
    predecessorLeft(heir, cleanly) {
      log.info(keys(heir), cleanly ? "prev_stream_finished_cleanly" : "prev_stream_timeout_on_cancel");
    },
    readerCutOff: () => metrics.readersCutOff.inc(),
  };
}

function reasonOf(outcome: Outcome): string {
  switch (outcome.type) {
    case "finished":
      return outcome.reason;
    case "failed":
      return outcome.code;
    case "cancelled":
      return outcome.by;
  }
}
