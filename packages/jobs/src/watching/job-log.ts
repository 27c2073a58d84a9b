// Observes jobs for the log and the metrics. All log lines of a job have the same keys. Those of lines of batches are at the level debug: the log
// has a batch's end, with the counts of its lines.
import { isLane } from "@waggle/protocol";
import type { Logger, WorkerMetrics } from "@waggle/telemetry";
import { phaseTimesOf } from "../job/job-phases.ts";
import type { PhaseTimes } from "../job/job-phases.ts";
import { outcomeReason } from "../job/job.ts";
import type { Job, JobState, Outcome } from "../job/job.ts";
import { totalCountsOf } from "../job/stream-events.ts";
import type { JobObserver } from "../job/observers.ts";

export interface JobLogOptions {
  readonly log: Logger;
  readonly metrics: WorkerMetrics;
}

export interface JobLog {
  readonly observe: JobObserver;
  /** Number of model tokens generated so far, in all jobs. */
  readonly tokens: number;
}

export function createJobLog({ log, metrics }: JobLogOptions): JobLog {
  let generated = 0;
  /** The largest number of tokens of a job so far. */
  let mostTokens = 0;

  function countEnded(job: Job, measured: ReturnType<WorkerMetrics["ofModel"]>): void {
    const { reading_ms, writing_ms } = phaseTimesOf(job);
    measured.promptSeconds.inc(reading_ms / 1000);
    measured.generationSeconds.inc(writing_ms / 1000);
    const { promptTokens, completionTokens } = job.state.counts;
    const more = Math.max(0, promptTokens + completionTokens - mostTokens);
    mostTokens += more;
    metrics.llamaMostTokens.inc(more);
  }

  function logEnd(job: Job, outcome: Outcome, keys: object): void {
    const { state } = job;
    const { startedAt = firstStartOf(state), endedAt = startedAt } = state;
    const times = roundedTimes(job);
    // A job that never got a slot has no line stream_start, and so no line stream_end.
    const only = startedAt === undefined ? { waiting_ms: times.waiting_ms } : {};
    const level = levelOf(job);
    if (outcome.type !== "finished")
      log[level]({ ...keys, reason: outcomeReason(outcome), ...only }, "stream_cancelled");
    if (startedAt === undefined) return;
    const duration = Math.round((endedAt ?? startedAt) - (firstStartOf(state) ?? startedAt));
    log[level](
      { ...keys, duration_ms: duration, ...times, tokens: totalCountsOf(state).completionTokens },
      "stream_end",
    );
  }

  return {
    get tokens() {
      return generated;
    },
    observe(job, what, model) {
      const { state } = job;
      const { since } = state.step;
      // Lane jobs wait and yield as a matter of course, which says nothing about the latency of requests.
      const isOfLane = isLane(job.spec.when);
      // Look up the metrics each time, because the name of a model may be known only after its load.
      const measured = metrics.ofModel(model);
      switch (what.type) {
        case "accepted":
          measured.jobsAccepted.inc();
          return log.debug(keysOf(job, model), "stream_accepted");
        case "predecessor_ended":
          return log.info(
            keysOf(job, model),
            what.cleanly ? "prev_stream_finished_cleanly" : "prev_stream_timeout_on_cancel",
          );
        case "status": {
          const { status, prompt_progress: progress } = what.event;
          // The log has no line for the progress of a prompt.
          if (progress !== undefined) return;
          // The status "thinking" on the wire would look like reasoning in a log.
          const shown = status === "thinking" ? "prefilling" : status;
          return log.debug({ ...keysOf(job, model), status: shown }, "stream_status");
        }
        case "started":
          measured.promptTokens.inc(state.counts.promptTokens);
          measured.cachedPromptTokens.inc(state.counts.cachedTokens);
          if (!isOfLane) measured.queueSeconds.observe(((state.startedAt ?? since) - since) / 1000);
          return firstStartOf(state) === undefined
            ? log[levelOf(job)](keysOf(job, model), "stream_start")
            : log.debug({ ...keysOf(job, model), step: state.step.index }, "stream_step");
        case "calling":
        case "continues":
          return;
        case "resumed": {
          if (isOfLane) return;
          measured.jobsResumed.inc();
          const tokens = job.output.reduce((sum, { ids }) => sum + ids.length, 0);
          return log.info({ ...keysOf(job, model), tokens }, "stream_resumed");
        }
        case "parked":
          measured.jobsParked.inc();
          return log[levelOf(job)](keysOf(job, model), "stream_parked");
        case "tokens":
          generated += what.tokens;
          measured.tokensGenerated.inc(what.tokens);
          if (isOfLane) return;
          if (what.first) measured.ttftSeconds.observe(((state.firstTokenAt ?? since) - since) / 1000);
          if (what.sincePreviousMs !== undefined) measured.itlSeconds.observe(what.sincePreviousMs / 1000);
          return;
        case "released":
          return measured.cancelSteps.observe(what.steps);
        case "unreadable_calls":
          measured.unreadableCalls.inc(what.calls);
          return log[levelOf(job, "warn")]({ ...keysOf(job, model), calls: what.calls }, "tool_call_unreadable");
        case "reader_cut_off":
          return metrics.readersCutOff.inc();
        case "ended":
          measured.jobsEnded.inc({ outcome: what.outcome.type, reason: outcomeReason(what.outcome) });
          countEnded(job, measured);
          return logEnd(job, what.outcome, keysOf(job, model));
      }
    },
  };
}

function levelOf({ spec }: Job, usual: "info" | "warn" = "info"): "debug" | "info" | "warn" {
  return isLane(spec.when) ? "debug" : usual;
}

/** When the first step started that this process computed; undefined during that step. */
function firstStartOf({ before }: JobState): number | undefined {
  return before.phases.find(({ name }) => name === "prefill")?.from;
}

/** Whole milliseconds, as in the log's other durations. */
function roundedTimes(job: Job): PhaseTimes {
  const { waiting_ms, reading_ms, writing_ms } = phaseTimesOf(job);
  return {
    waiting_ms: Math.round(waiting_ms),
    reading_ms: Math.round(reading_ms),
    writing_ms: Math.round(writing_ms),
  };
}

function keysOf(job: Job, model: string): object {
  const { trace, client, sessionId = null, streamId } = job.spec.who;
  return { trace, client, session: sessionId, model, job: job.id, stream_id: streamId };
}
