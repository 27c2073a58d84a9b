// Owns what the log and the metrics say about the life of a stream: one line for each turn, always with the same keys.
import type { StatusEvent } from "@waggle/protocol";
import type { Logger, WorkerMetrics } from "@waggle/telemetry";
import { reasonOf } from "./job.ts";
import type { Job, Outcome } from "./job.ts";
import type { JobObserver } from "./job-observer.ts";

export interface LifecycleOptions {
  readonly log: Logger;
  readonly metrics: WorkerMetrics;
  readonly model: () => string;
  readonly observers: readonly JobObserver[];
}

export interface Lifecycle {
  accepted(job: Job): void;
  started(job: Job): void;
  /** It goes on from what it has said, under another engine than the one that began it. */
  resumed(job: Job): void;
  status(job: Job, event: StatusEvent): void;
  /** `first` of the job; `sincePreviousMs` is undefined for the first of a sequence. */
  tokensCame(job: Job, came: { tokens: number; first: boolean; sincePreviousMs: number | undefined }): void;
  /** `steps`: forward passes between the cancel and its slot being free. */
  cancelled(steps: number): void;
  /** Pieces of the answer that looked like tool calls and could not be read: its client got them as content. */
  unreadable(job: Job, calls: number): void;
  ended(job: Job, outcome: Outcome): void;
  /** `cleanly`: the engine had released it by then. */
  predecessorLeft(successor: Job, cleanly: boolean): void;
  readerCutOff(): void;
  /** Model tokens generated so far, by all jobs. */
  readonly tokens: number;
}

export function createLifecycle({ log, metrics, model, observers }: LifecycleOptions): Lifecycle {
  const keys = (job: Job) => ({
    trace: job.spec.scope.trace,
    session: job.spec.scope.sessionId ?? null,
    model: model(),
    job: job.id,
  });
  // Asked for each time: a model may tell its name only when it is loaded.
  const measured = () => metrics.ofModel(model());
  let generated = 0;
  return {
    get tokens() {
      return generated;
    },
    accepted(job) {
      measured().jobsAccepted.inc();
      log.debug(keys(job), "stream_accepted");
    },
    started(job) {
      const { counts, startedAt = job.acceptedAt } = job.state;
      const { promptTokens, cachedPromptTokens, queueSeconds } = measured();
      promptTokens.inc(counts.promptTokens);
      cachedPromptTokens.inc(counts.cachedTokens);
      queueSeconds.observe((startedAt - job.acceptedAt) / 1000);
      log.info(keys(job), "stream_start");
      for (const observer of observers) observer.started(job, model());
    },
    resumed(job) {
      measured().jobsResumed.inc();
      const said = job.said.reduce((sum, { ids }) => sum + ids.length, 0);
      log.info({ ...keys(job), tokens: said }, "stream_resumed");
    },
    status(job, { status, prompt_progress: progress }) {
      // How far its prompt is, its client alone wants to know.
      if (progress !== undefined) return;
      // Beside reasoning the wire's word for it would mislead.
      log.debug({ ...keys(job), status: status === "thinking" ? "prefilling" : status }, "stream_status");
    },
    tokensCame(job, { tokens, first, sincePreviousMs }) {
      const { acceptedAt, state } = job;
      generated += tokens;
      const { tokensGenerated, ttftSeconds, itlSeconds } = measured();
      tokensGenerated.inc(tokens);
      if (first) ttftSeconds.observe(((state.firstTokenAt ?? acceptedAt) - acceptedAt) / 1000);
      if (sincePreviousMs !== undefined) itlSeconds.observe(sincePreviousMs / 1000);
      for (const observer of observers) observer.tokensCame(job, tokens, model());
    },
    cancelled: (steps) => measured().cancelSteps.observe(steps),
    unreadable(job, calls) {
      measured().unreadableCalls.inc(calls);
      log.warn({ ...keys(job), calls }, "tool_call_unreadable");
    },
    ended(job, outcome) {
      measured().jobsEnded.inc({ outcome: outcome.type, reason: reasonOf(outcome) });
      for (const observer of observers) observer.ended(job, outcome, model());
      if (outcome.type !== "finished") {
        log.info({ ...keys(job), reason: reasonOf(outcome) }, "stream_cancelled");
      }
      // A stream that never had a slot has no stream_start, so it has no stream_end either.
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
