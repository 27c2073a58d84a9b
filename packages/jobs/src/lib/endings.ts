// Owns how jobs end: whoever asks first decides how, the engine lets go of the slot, and one terminal event is said.
import type { Clock } from "@waggle/async";
import type { WaggleError } from "@waggle/protocol";
import type { SessionRegistry } from "@waggle/queue";
import type { JobTimers } from "./job-timers.ts";
import { isFinal, transition } from "./job.ts";
import type { Job, Outcome } from "./job.ts";
import type { Lifecycle } from "./lifecycle.ts";
import type { JobRegistry } from "./registry.ts";
import { terminalEventOf } from "./summaries.ts";
import type { WaitingLine } from "./waiting-line.ts";

export interface EndingsOptions {
  readonly registry: JobRegistry;
  readonly sessions: SessionRegistry;
  readonly line: WaitingLine;
  readonly timers: JobTimers;
  readonly lifecycle: Lifecycle;
  readonly clock: Clock;
  /** How long the engine may take to let go of a slot before the job's end is forced. */
  readonly forceAfterMs: number;
  /** Tells the engine to let go. */
  readonly cancelInEngine: (job: Job) => void;
  /** A job has ended, so others may have moved up. `cleanly`: not by force, which leaves its slot to the engine and its heir without one. */
  readonly onEnded: (cleanly: boolean) => void;
}

export interface Endings {
  /** Asks for the end and returns at once. The first one that is asked for counts; a job that has ended stays as it is. */
  request(job: Job, outcome: Outcome): void;
  /** The engine has let go of the job's slot, for the reason that was asked for or one of its own. */
  conclude(job: Job, outcome: Outcome): void;
  /** Ends the job now, whatever the engine does with its slot. */
  force(job: Job, error: WaggleError): void;
  /** Resolves when no job is live. */
  idle(): Promise<void>;
}

export function createEndings(options: EndingsOptions): Endings {
  const { registry, sessions, line, timers, lifecycle, clock } = options;
  let idleWaiters: (() => void)[] = [];

  function request(job: Job, outcome: Outcome): void {
    if (isFinal(job.state.name) || job.ending !== undefined) return;
    job.ending = outcome;
    if (job.place === "engine") {
      options.cancelInEngine(job);
      // Its slot stays with the engine until that lets go; the client and the session have waited long enough.
      timers.set(job, "force", options.forceAfterMs, () => finalize(job, outcome, false));
    } else {
      line.leave(job);
      finalize(job, outcome, true);
    }
  }

  /** The one place where a job ends. `cleanly`: its slot is free, or it never had one. */
  function finalize(job: Job, outcome: Outcome, cleanly: boolean): void {
    job.state = transition(job.state, outcome);
    job.endedAt = clock.now();
    timers.clearAll(job);
    job.log.append(terminalEventOf(job, outcome, job.endedAt));
    if (job.sessionKey !== undefined) sessions.release(job.sessionKey, job.uid);
    lifecycle.ended(job, outcome);
    registry.retire(job);
    const heir = line.promoteHeir(job);
    if (heir !== undefined) lifecycle.predecessorLeft(heir, cleanly);
    job.ended.resolve();
    options.onEnded(cleanly);
    tellIdle();
  }

  function tellIdle(): void {
    if (registry.liveCount > 0) return;
    const waiters = idleWaiters;
    idleWaiters = [];
    for (const resolve of waiters) resolve();
  }

  return {
    request,
    conclude(job, outcome) {
      job.place = "left";
      if (!isFinal(job.state.name)) finalize(job, outcome, true);
      line.settle(job);
    },
    force: (job, error) => finalize(job, job.ending ?? failureOf(error), true),
    idle() {
      if (registry.liveCount === 0) return Promise.resolve();
      return new Promise((resolve) => idleWaiters.push(resolve));
    },
  };
}

export function failureOf({ code, message, details }: WaggleError): Outcome {
  return { type: "failed", code, message, details };
}
