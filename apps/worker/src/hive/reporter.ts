// Reports this worker to the hive: register, heartbeat, leave. Errors of the hive never affect a stream.
import { createBackoff, linkSignals, sleep } from "@waggle/async";
import type { HiveClient } from "@waggle/client";
import { WaggleError } from "@waggle/protocol";
import type { Heartbeat, HiveCommand, Registration } from "@waggle/protocol";
import type { Logger } from "@waggle/telemetry";

/**
 * Delays before the 1st, 2nd … retry after a failure; a successful heartbeat resets them. No delay is longer than the heartbeat interval (or
 * `leastLongestMs`, if that is longer): a restarted hive must get heartbeats before it treats its workers as lost, and a running hive gets
 * heartbeats at this rate anyway.
 */
const retryDelaysMs = [0, 2_000, 4_000, 8_000, 16_000, 30_000];
const leastLongestMs = 2_000;
/** Heartbeats are spread by this share of the interval, so that workers started together do not beat together. */
const jitter = 0.1;
/** Time limit for deregistering. */
const deregisterTimeoutMs = 500;

export interface ReporterOptions {
  readonly hive: HiveClient;
  readonly workerId: string;
  readonly intervalMs: number;
  readonly log: Logger;
  readonly registration: () => Registration;
  readonly heartbeat: (seq: number) => Heartbeat;
  readonly onHeartbeat: (outcome: "ok" | "forgotten" | "failed") => void;
  /** Called with a command of the hive, which repeats it in each response until it is carried out. */
  readonly onCommand: (command: HiveCommand) => void;
  readonly random?: () => number;
}

export interface Reporter {
  /** Sends the next heartbeat at once, because the state has changed. */
  changed(): void;
  /** Tries to deregister at the hive, then stops. */
  leave(): Promise<void>;
}

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
  /** Whether a registration was sent. The hive may then know this worker, even if no response arrived. */
  let maybeKnown = false;
  /** The state that was last logged; only changes are logged. */
  let logged: "up" | "down" | undefined;

  function logState(state: "up" | "down", reason: string): void {
    if (logged === state) return;
    logged = state;
    if (state === "up") log.info({ worker: workerId, reason }, "hive_up");
    else log.warn({ worker: workerId, reason }, "hive_down");
  }

  async function beat(): Promise<void> {
    const signal = stopped.signal;
    if (!registered) {
      maybeKnown = true;
      await hive.register(options.registration(), { signal });
      registered = true;
      logState("up", "registered");
    }
    dirty = false;
    const { command } = await hive.heartbeat(options.heartbeat(seq), { signal });
    seq += 1;
    backoff.reset();
    options.onHeartbeat("ok");
    logState("up", "heartbeats arrive");
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
      // An unknown worker is not an outage: registering again fixes it. But a hive that forgets the worker each time gets retries with the same delays as
      // a hive that is down.
      registered = false;
      options.onHeartbeat("forgotten");
      log.info({ worker: workerId }, "hive_forgot");
    } else {
      options.onHeartbeat("failed");
      logState("down", error.message);
    }
    // The first delay is 0. Changes of state do not shorten a delay, so that an overloaded hive gets no additional requests.
    await sleep(backoff.next(), { signal: stopped.signal }).catch(() => {});
  }

  /** Waits until the time is over or `changed` is called. */
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
        log.warn({ worker: workerId, reason: WaggleError.from(error).message }, "hive_deregister_failed");
      }
    },
  };
}
