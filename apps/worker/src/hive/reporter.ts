// Owns the worker's side of the hive: register, heartbeat, leave. Whatever the hive does, no stream notices.
import { createBackoff, linkSignals, sleep } from "@waggle/async";
import type { HiveClient } from "@waggle/client";
import { WaggleError } from "@waggle/protocol";
import type { Heartbeat, HiveCommand, Registration } from "@waggle/protocol";
import type { Logger } from "@waggle/telemetry";

/**
 * Waits before the 1st, 2nd … attempt in a row after a failure; a heartbeat that arrives starts over. None is longer than the interval and
 * this least one: that often a hive is asked anyway, and one that is back is to hear of its workers before it takes them for gone.
 */
const retryDelaysMs = [0, 2_000, 4_000, 8_000, 16_000, 30_000];
const leastLongestMs = 2_000;
/** Heartbeats are spread by this share of the interval, so that workers started together do not beat together. */
const jitter = 0.1;
/** How long leaving may wait for the hive. */
const deregisterTimeoutMs = 500;

export interface ReporterOptions {
  readonly hive: HiveClient;
  readonly workerId: string;
  readonly intervalMs: number;
  readonly log: Logger;
  /** What a registration says, as of now. */
  readonly registration: () => Registration;
  /** What a heartbeat says, as of now. */
  readonly heartbeat: (seq: number) => Heartbeat;
  readonly onHeartbeat: (outcome: "ok" | "forgotten" | "failed") => void;
  /** The hive wants something. It says so with each answer until it is done. */
  readonly onCommand: (command: HiveCommand) => void;
  readonly random?: () => number;
}

export interface Reporter {
  /** Something worth telling has changed: the next heartbeat goes out at once. */
  changed(): void;
  /** Says goodbye, if the hive listens, and stops. */
  leave(): Promise<void>;
}

/** Starts at once and runs until `leave`. */
export function startReporter(options: ReporterOptions): Reporter {
  const { hive, workerId, log } = options;
  const random = options.random ?? Math.random;
  const stopped = new AbortController();
  const longestMs = Math.max(options.intervalMs, leastLongestMs);
  const backoff = createBackoff({ delaysMs: retryDelaysMs.map((ms) => Math.min(ms, longestMs)), jitter: 0 });
  let nudge = new AbortController();
  let dirty = false;
  let seq = 0;
  let registered = false;
  /** The hive may know us: a registration was sent, whatever became of its answer. */
  let maybeKnown = false;
  /** What the log was last told: it hears of changes only. */
  let told: "up" | "down" | undefined;

  function tell(state: "up" | "down", detail: string): void {
    if (told === state) return;
    told = state;
    if (state === "up") log.info({ worker: workerId }, `hive_up: ${detail}`);
    else log.warn({ worker: workerId }, `hive_down: ${detail}`);
  }

  async function beat(): Promise<void> {
    const signal = stopped.signal;
    if (!registered) {
      maybeKnown = true;
      await hive.register(options.registration(), { signal });
      registered = true;
      tell("up", "registered");
    }
    dirty = false;
    const { command } = await hive.heartbeat(options.heartbeat(seq), { signal });
    seq += 1;
    backoff.reset();
    options.onHeartbeat("ok");
    tell("up", "heartbeats arrive");
    if (command !== undefined) options.onCommand(command);
  }

  async function run(): Promise<void> {
    while (!stopped.signal.aborted) {
      try {
        await beat();
        await pause(options.intervalMs * (1 - jitter + 2 * jitter * random()));
      } catch (error) {
        if (stopped.signal.aborted) return;
        await onFailure(WaggleError.from(error));
      }
    }
  }

  async function onFailure(error: WaggleError): Promise<void> {
    if (error.code === "not_found" && registered) {
      // That is no outage: registering again mends it. But one that forgets every time is waited for like one that is down.
      registered = false;
      options.onHeartbeat("forgotten");
      log.info({ worker: workerId }, "hive_forgot: registering again");
    } else {
      options.onHeartbeat("failed");
      tell("down", error.message);
    }
    // The first wait is none. Not cut short by changes of state: a hive that struggles is not asked more often for it.
    await sleep(backoff.next(), { signal: stopped.signal }).catch(() => {});
  }

  /** Until the interval is over, or something has changed. */
  async function pause(ms: number): Promise<void> {
    if (dirty) return;
    nudge = new AbortController();
    using signal = linkSignals(nudge.signal, stopped.signal);
    await sleep(ms, { signal }).catch(() => {});
  }

  const running = run();
  return {
    changed() {
      dirty = true;
      nudge.abort();
    },
    async leave() {
      stopped.abort();
      await running;
      if (!maybeKnown) return;
      try {
        await hive.deregister(workerId, { signal: AbortSignal.timeout(deregisterTimeoutMs) });
      } catch (error) {
        log.warn({ worker: workerId }, `hive_deregister_failed: ${WaggleError.from(error).message}`);
      }
    },
  };
}
