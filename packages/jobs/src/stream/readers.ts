// Owns the readers of a job. When the last reader is gone, the job's spec decides whether the job continues.
import type { Clock } from "@waggle/async";
import { hasEnded } from "../job/job.ts";
import type { Job } from "../job/job.ts";
import type { Lifecycle } from "../watching/lifecycle.ts";
import { createReader } from "./reader.ts";
import type { JobDispatcher, JobLimits } from "../dispatch/dispatcher-port.ts";
import type { JobTimers } from "../dispatch/timers.ts";

export interface ReadersOptions {
  readonly clock: Clock;
  readonly timers: JobTimers;
  readonly lifecycle: Pick<Lifecycle, "readerCutOff">;
  readonly limits: Pick<JobLimits, "pingIntervalMs" | "readerStallTimeoutMs" | "reconnectGraceMs" | "retryGraceMs">;
  /** Called when the job has had no readers for its whole grace time. */
  readonly onAbandoned: (job: Job) => void;
}

export interface Readers {
  readonly open: JobDispatcher["openReader"];
}

export function createReaders({ clock, timers, lifecycle, limits, onAbandoned }: ReadersOptions): Readers {
  function onLastGone(job: Job): void {
    if (hasEnded(job) || job.spec.onDisconnect === "continue") return;
    const graceMs = job.spec.direct ? retryGraceMsOf(job) : limits.reconnectGraceMs;
    if (graceMs === 0) onAbandoned(job);
    else timers.set(job, "grace", graceMs, () => onAbandoned(job));
  }

  /** A client that retries closes its connection first. During prefill every job waits for such a retry, so that the computed prompt is not lost. */
  function retryGraceMsOf({ spec, state: { phase } }: Job): number {
    const isPrefilling = phase.name === "running" && phase.stage === "prefill";
    return spec.retriable === true || isPrefilling ? limits.retryGraceMs : 0;
  }

  return {
    open(job, after, onStalled) {
      job.readers += 1;
      timers.clear(job, "orphaned");
      timers.clear(job, "grace");
      return createReader({
        log: job.log,
        streamId: job.id,
        sessionId: job.spec.scope.sessionId,
        after,
        clock,
        pingIntervalMs: limits.pingIntervalMs,
        stallTimeoutMs: limits.readerStallTimeoutMs,
        onCutOff: lifecycle.readerCutOff,
        onStalled,
        onClose() {
          job.readers -= 1;
          if (job.readers === 0) onLastGone(job);
        },
      });
    },
  };
}
