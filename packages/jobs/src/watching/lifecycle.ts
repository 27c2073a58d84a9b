// Writes the log lines and metrics of a job, from its acceptance to its end. All log lines have the same keys.
import type { StatusEvent } from "@waggle/protocol";
import type { Logger, WorkerMetrics } from "@waggle/telemetry";
import { reasonOf } from "../job/job.ts";
import type { Job, Outcome } from "../job/job.ts";
import type { Effect } from "../job/reduce.ts";
import type { JobObserver } from "./listeners.ts";

type Measured = Extract<Effect, { type: `measure_${string}` }>;

export interface LifecycleOptions {
  readonly log: Logger;
  readonly metrics: WorkerMetrics;
  readonly model: () => string;
  readonly observers: readonly JobObserver[];
}

export interface Lifecycle {
  accepted(job: Job): void;
  status(job: Job, event: StatusEvent): void;
  measure(job: Job, effect: Measured): void;
  ended(job: Job, outcome: Outcome): void;
  /** The job that `successor` supersedes has ended. @param cleanly whether the engine has released that job */
  predecessorLeft(successor: Job, cleanly: boolean): void;
  readerCutOff(): void;
  /** Number of model tokens generated so far, in all jobs. */
  readonly tokens: number;
}

export function createLifecycle({ log, metrics, model, observers }: LifecycleOptions): Lifecycle {
  const keys = (job: Job) => ({
    trace: job.spec.who.trace,
    session: job.spec.who.sessionId ?? null,
    model: model(),
    job: job.id,
  });
  // Look up the metrics each time, because the name of a model may be known only after its load.
  const measured = () => metrics.ofModel(model());
  let generated = 0;

  function start(job: Job): void {
    const { counts, startedAt = job.acceptedAt } = job.state;
    const { promptTokens, cachedPromptTokens, queueSeconds } = measured();
    promptTokens.inc(counts.promptTokens);
    cachedPromptTokens.inc(counts.cachedTokens);
    queueSeconds.observe((startedAt - job.acceptedAt) / 1000);
    log.info(keys(job), "stream_start");
    for (const observer of observers) observer.started(job, model());
  }

  function resume(job: Job): void {
    measured().jobsResumed.inc();
    const tokens = job.output.reduce((sum, { ids }) => sum + ids.length, 0);
    log.info({ ...keys(job), tokens }, "stream_resumed");
  }

  function countTokens(
    job: Job,
    { tokens, first, sincePreviousMs }: Extract<Measured, { type: "measure_tokens" }>,
  ): void {
    const { acceptedAt, state } = job;
    generated += tokens;
    const { tokensGenerated, ttftSeconds, itlSeconds } = measured();
    tokensGenerated.inc(tokens);
    if (first) ttftSeconds.observe(((state.firstTokenAt ?? acceptedAt) - acceptedAt) / 1000);
    if (sincePreviousMs !== undefined) itlSeconds.observe(sincePreviousMs / 1000);
    for (const observer of observers) observer.tokensCame(job, tokens, model());
  }

  return {
    get tokens() {
      return generated;
    },
    accepted(job) {
      measured().jobsAccepted.inc();
      log.debug(keys(job), "stream_accepted");
    },
    status(job, { status, prompt_progress: progress }) {
      // The log has no line for the progress of a prompt.
      if (progress !== undefined) return;
      // The status "thinking" on the wire would look like reasoning in a log.
      log.debug({ ...keys(job), status: status === "thinking" ? "prefilling" : status }, "stream_status");
    },
    measure(job, effect) {
      switch (effect.type) {
        case "measure_start":
          return start(job);
        case "measure_resumption":
          return resume(job);
        case "measure_tokens":
          return countTokens(job, effect);
        case "measure_cancel":
          return measured().cancelSteps.observe(effect.steps);
        case "measure_unreadable":
          measured().unreadableCalls.inc(effect.calls);
          return log.warn({ ...keys(job), calls: effect.calls }, "tool_call_unreadable");
      }
    },
    ended(job, outcome) {
      measured().jobsEnded.inc({ outcome: outcome.type, reason: reasonOf(outcome) });
      for (const observer of observers) observer.ended(job, outcome, model());
      if (outcome.type !== "finished") {
        log.info({ ...keys(job), reason: reasonOf(outcome) }, "stream_cancelled");
      }
      // A job that never got a slot has no line stream_start, and so no line stream_end.
      const { startedAt, endedAt = startedAt, counts } = job.state;
      if (startedAt === undefined) return;
      const duration = Math.round((endedAt ?? startedAt) - startedAt);
      log.info({ ...keys(job), duration_ms: duration, tokens: counts.completionTokens }, "stream_end");
    },
    predecessorLeft(successor, cleanly) {
      log.info(keys(successor), cleanly ? "prev_stream_finished_cleanly" : "prev_stream_timeout_on_cancel");
    },
    readerCutOff: () => metrics.readersCutOff.inc(),
  };
}
