// Owns who reads a job: readers come and go, and when the last one is gone, the job's own wish decides what becomes of it.
import type { Clock } from "@waggle/async";
import { hasEnded } from "./job.ts";
import type { Job } from "./job.ts";
import type { Lifecycle } from "./lifecycle.ts";
import { createReader } from "./reader.ts";
import type { Reader } from "./reader.ts";
import type { JobTimers } from "./timers.ts";

export interface ReadersOptions {
  readonly clock: Clock;
  readonly timers: JobTimers;
  readonly lifecycle: Pick<Lifecycle, "readerCutOff">;
  readonly limits: {
    readonly pingIntervalMs: number;
    readonly readerStallTimeoutMs: number;
    readonly reconnectGraceMs: number;
    readonly retryGraceMs: number;
  };
  /** Nobody reads the job any more, nor came back in time. */
  readonly onAbandoned: (job: Job) => void;
}

export interface Readers {
  /** @param onStalled called when the reader must be cut off without having asked for more; must destroy its connection */
  open(job: Job, after: number, onStalled: () => void): Reader;
}

export function createReaders({ clock, timers, lifecycle, limits, onAbandoned }: ReadersOptions): Readers {
  function onLastGone(job: Job): void {
    if (hasEnded(job) || job.spec.onDisconnect === "continue") return;
    const graceMs = job.spec.direct ? retryGraceMsOf(job) : limits.reconnectGraceMs;
    if (graceMs === 0) onAbandoned(job);
    else timers.set(job, "grace", graceMs, () => onAbandoned(job));
  }

  /** Who sends a request again hangs up first. What a long prompt has cost by then would be lost, also to one that does not say so. */
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
