// Owns how a daemon leaves: who asks first decides how, what runs may end in time, and an abort cuts that short.
import { onAbort } from "@waggle/async";
import type { Clock } from "@waggle/async";
import { exitCodes } from "@waggle/protocol";
import type { Logger } from "@waggle/telemetry";

/** For what can go elsewhere to be handed over; what is left runs on within the drain's time. */
const handOverTimeoutMs = 1_000;

/** Resolves with whether the work was over before the time was, or an abort cut it short. */
export type Before = (work: Promise<void>, ms: number) => Promise<boolean>;

export interface DepartureOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** How long running jobs may take in a drain. */
  readonly drainTimeoutMs: number;
  /** Nothing new begins; called at once. Resolves when what can go elsewhere has been handed over. */
  readonly refuse: () => Promise<void> | void;
  /** Resolves when no job is live. */
  readonly idle: () => Promise<void>;
  readonly liveJobs: () => number;
  /** It was asked to leave: jobs that are not over, how long they may take, and whether Ctrl-C asked. */
  readonly onLeaving?:
    | ((facts: { readonly running: number; readonly limitMs: number; readonly interrupted: boolean }) => void)
    | undefined;
  /** It was asked again, told not to wait, or the time has run out: jobs that end unfinished. Told once. */
  readonly onCutting?: ((running: number) => void) | undefined;
  /** Ends what is left of it, and closes everything. */
  readonly takeDown: (before: Before) => Promise<void>;
}

export interface Departure {
  /** Resolves with the exit code once everything is down. */
  readonly stopped: Promise<number>;
  /** Finish what runs, refuse what waits; then stop. The time running out aborts. */
  drain(abortCode: number): void;
  /** End everything now. */
  abort(code: number): void;
}

export function createDeparture(options: DepartureOptions): Departure {
  const { clock, log } = options;
  let leaving: Promise<void> | undefined;
  /** Of the drain, and then of taking down: each can be cut short, and the first does not take the time of the second. */
  let phase = new AbortController();
  let takingDown = false;
  let cutting = false;
  let stopped: (code: number) => void;
  const whenStopped = new Promise<number>((resolve) => (stopped = resolve));

  const before: Before = (work, ms) =>
    new Promise((resolve) => {
      const end = (inTime: boolean): void => {
        timer.cancel();
        forget();
        resolve(inTime);
      };
      const timer = clock.setTimeout(() => end(false), ms);
      // Work that has ended counts as ended, also after an abort.
      void work.then(() => end(true));
      const forget = onAbort(phase.signal, () => queueMicrotask(() => end(false)));
    });

  function cut(): void {
    if (!cutting) options.onCutting?.(options.liveJobs());
    cutting = true;
  }

  async function leave(code: number, drainMs: number, abortCode: number): Promise<void> {
    await before(Promise.resolve(options.refuse()), handOverTimeoutMs);
    const interrupted = abortCode === exitCodes.abortedByInterrupt;
    if (drainMs > 0) options.onLeaving?.({ running: options.liveJobs(), limitMs: drainMs, interrupted });
    const inTime = drainMs > 0 && (await before(options.idle(), drainMs));
    const jobs = options.liveJobs();
    const aborted = !inTime && jobs > 0;
    if (aborted && drainMs > 0) cut();
    if (aborted) log.warn({ jobs }, "drain_aborted");
    phase = new AbortController();
    takingDown = true;
    await options.takeDown(before);
    stopped(aborted ? abortCode : code);
  }

  return {
    stopped: whenStopped,
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
