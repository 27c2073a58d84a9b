// Shuts a daemon down. The first request decides between drain and abort. In a drain, running jobs may finish within a time limit; a later abort
// ends the drain.
import { deferred, inBackground, onAbort } from "@waggle/async";
import type { Clock } from "@waggle/async";
import { exitCodes } from "@waggle/protocol";
import type { Logger } from "@waggle/telemetry";
import type { Leaving } from "../terminal/index.ts";

/** Time limit for handing over jobs to other workers; all other jobs have the drain's time. */
const handOverTimeoutMs = 1_000;

/** Waits until the work ends, at most `ms`. Resolves to true if the work has ended, and to false at the time limit or after an abort. */
export type Before = (work: Promise<void>, ms: number) => Promise<boolean>;

export interface DepartureOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Time limit of running jobs in a drain. */
  readonly drainTimeoutMs: number;
  /** Refuses new jobs; called first. Resolves when all jobs that other workers can continue have been handed over. */
  readonly refuse: () => Promise<void> | void;
  /** Resolves when no job is running or waiting. */
  readonly idle: () => Promise<void>;
  readonly liveJobs: () => number;
  /** Number of live jobs that `takeDown` hands over to another server; 0 by default. */
  readonly jobsToHandOver?: () => number;
  /** Number of jobs that were ended unfinished before the drain's time limit: they waited for a person. */
  readonly cutJobs?: () => number;
  /** Called when the daemon begins to leave, with the number of running jobs, the time limit of these jobs, and whether Ctrl-C was the reason. */
  readonly onLeaving?: ((facts: Leaving) => void) | undefined;
  /** Called once when jobs are ended unfinished (a second request, an abort, or the time limit), with the number of these jobs. */
  readonly onCutting?: ((running: number) => void) | undefined;
  /** Ends the remaining jobs, and closes everything. */
  readonly takeDown: (before: Before) => Promise<void>;
}

export interface Departure {
  /** Resolves with the exit code once everything is down. */
  readonly stopped: Promise<number>;
  /** Ends waiting jobs, lets running jobs finish, then stops. Aborts when the time limit is over. */
  drain(abortCode: number): void;
  /** Ends everything now. */
  abort(code: number): void;
}

export function createDeparture(options: DepartureOptions): Departure {
  const { clock, log } = options;
  let leaving: Promise<void> | undefined;
  /** Aborts the current phase: first the drain, then the closing. The phases have separate controllers, so that ending one phase ends no other. */
  let phase = new AbortController();
  let takingDown = false;
  let cutting = false;
  const stopped = deferred<number>();

  const before: Before = async (work, ms) => {
    const ended = deferred<boolean>();
    const timer = clock.setTimeout(() => ended.resolve(false), ms);
    // Work that ended counts as finished even after an abort.
    const done = work.then(() => ended.resolve(true));
    inBackground("end work before the exit", done);
    const forget = onAbort(phase.signal, () => queueMicrotask(() => ended.resolve(false)));
    const inTime = await ended.promise;
    timer.cancel();
    forget();
    return inTime;
  };

  const cutJobs = (): number => options.liveJobs() - (options.jobsToHandOver?.() ?? 0);

  function cut(): void {
    if (!cutting) options.onCutting?.(cutJobs());
    cutting = true;
  }

  async function leave(code: number, drainMs: number, abortCode: number): Promise<void> {
    await before(Promise.resolve(options.refuse()), handOverTimeoutMs);
    const interrupted = abortCode === exitCodes.abortedByInterrupt;
    if (drainMs > 0) options.onLeaving?.({ running: options.liveJobs(), limitMs: drainMs, interrupted });
    const inTime = drainMs > 0 && (await before(options.idle(), drainMs));
    const jobs = cutJobs();
    const late = inTime ? 0 : jobs;
    if (late > 0 && drainMs > 0) cut();
    // The screen shows it already.
    if (late > 0) log[cutting && options.onCutting !== undefined ? "info" : "warn"]({ jobs }, "drain_aborted");
    const aborted = late + (options.cutJobs?.() ?? 0) > 0;
    phase = new AbortController();
    takingDown = true;
    await options.takeDown(before);
    stopped.resolve(aborted ? abortCode : code);
  }

  return {
    stopped: stopped.promise,
    drain(abortCode) {
      leaving ??= leave(exitCodes.ok, options.drainTimeoutMs, abortCode);
    },
    abort(code) {
      if (leaving === undefined) {
        leaving = leave(code, 0, code);
        return;
      }
      if (takingDown) cut();
      phase.abort();
    },
  };
}
