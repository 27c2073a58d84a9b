// Owns the registry of workers: their liveness and their last heartbeats. Time and timers come from the injected clocks; this file does not
// depend on HTTP.
import type { Clock, TimerHandle } from "@waggle/async";
import {
  goneAfterMs,
  goneKeptMs,
  staleAfterMs,
  WaggleError,
  type Heartbeat,
  type HiveCommand,
  type HiveEvent,
  type HiveWorker,
  type LivenessState,
  type Registration,
} from "@waggle/protocol";

/** Limit of workers in the registry, in any state; more are refused. */
export const workersLimit = 1_000;
/** Limit of gone workers in the list. At the limit, the worker that has been gone longest is removed. `goneKeptMs` limits the time. */
export const goneWorkersLimit = 100;

/**
 * Number of heartbeat intervals. If the fleet removes a worker that has been silent for this long, the worker may have crashed, and stays listed.
 * Otherwise the worker has left.
 */
const overdueIntervals = 2;

export interface WorkerRegistryOptions {
  readonly clock: Clock;
  /** Milliseconds since 1970, for the timestamps in answers and events. */
  readonly wallClock: () => number;
  readonly onEvent: (event: HiveEvent) => void;
}

export interface WorkerRegistry {
  /**
   * Idempotent: a listed worker keeps the time of its first registration and its count of heartbeats.
   * @throws WaggleError resource_exhausted at `workersLimit`
   */
  register(registration: Registration): HiveWorker;
  /**
   * @returns a command for the worker, if any
   * @throws WaggleError not_found if the worker is not listed; the worker must then register again
   */
  heartbeat(heartbeat: Heartbeat): HiveCommand | undefined;
  /**
   * Adds a heartbeat from a fleet, which reports a worker every `intervalMs`. Ignored if the worker is registered here over HTTP and not gone.
   * @throws WaggleError resource_exhausted at `workersLimit`
   */
  hear(heartbeat: Heartbeat, intervalMs: number): void;
  /** Call when the fleet has removed a worker. A worker whose heartbeats were overdue stays listed until its timeouts end. */
  lose(workerId: string): void;
  /** @throws WaggleError not_found */
  deregister(workerId: string): void;
  /**
   * Asks the worker to drain, in the answer to each heartbeat, until it drains or registers again. Idempotent.
   * @throws WaggleError not_found; conflict when the worker is gone, or does not support the command
   */
  drain(workerId: string): HiveWorker;
  /** @throws WaggleError not_found; conflict for a worker that is not gone, because the worker would register again */
  remove(workerId: string): void;
  /** @throws WaggleError not_found */
  get(workerId: string): HiveWorker;
  /** All workers, in the order of their first registration. */
  list(): HiveWorker[];
  /** Drops every worker. The next heartbeat of each worker fails with `not_found`. */
  forgetAll(): void;
  snapshot(): Extract<HiveEvent, { type: "snapshot" }>;
  /** Cancels the timer, after which no worker's liveness changes. */
  close(): void;
}

interface Entry {
  readonly registeredAt: string;
  /** `here` for a worker that registered over HTTP, `nats` for a worker that only the fleet reports. */
  source: "here" | "nats";
  /** The worker's last report, from its registration or a heartbeat. */
  report: Registration | Heartbeat;
  intervalMs: number;
  liveness: LivenessState;
  /** Time of the last report. Milliseconds on the monotonic clock. */
  seenAt: number;
  lastSeenAt: string;
  heartbeats: number;
  lastHeartbeat?: Heartbeat;
  /** The command that the worker has yet to begin. */
  command?: HiveCommand | undefined;
}

export function createWorkerRegistry(options: WorkerRegistryOptions): WorkerRegistry {
  const { clock, onEvent } = options;
  const entries = new Map<string, Entry>();
  let timer: (TimerHandle & { readonly dueAt: number }) | undefined;

  const timestamp = (): string => new Date(options.wallClock()).toISOString();

  function registeredWorker(workerId: string): Entry {
    const entry = entries.get(workerId);
    if (entry === undefined) {
      throw new WaggleError("not_found", `Cannot find worker ${workerId.slice(0, 128)}: it is not registered here.`);
    }
    return entry;
  }

  /** Records a report that arrives now. */
  function see(entry: Entry, report: Registration | Heartbeat): void {
    entry.report = report;
    entry.seenAt = clock.now();
    entry.lastSeenAt = timestamp();
    changeLiveness(entry, "alive");
    arm(deadlineOf(entry));
  }

  function changeLiveness(entry: Entry, liveness: LivenessState): void {
    const was = entry.liveness;
    if (was === liveness) return;
    entry.liveness = liveness;
    onEvent({ type: "liveness", at: timestamp(), worker_id: entry.report.worker_id, liveness, was });
  }

  /** Sets one timer for the next deadline of all workers. If a heartbeat has moved that deadline since, `sweep` only sets the next timer. */
  function arm(dueAt: number): void {
    if (dueAt === Infinity || (timer !== undefined && timer.dueAt <= dueAt)) return;
    timer?.cancel();
    timer = { dueAt, ...clock.setTimeout(sweep, Math.max(0, dueAt - clock.now())) };
  }

  function sweep(): void {
    timer = undefined;
    const now = clock.now();
    for (const entry of entries.values()) if (deadlineOf(entry) <= now) changeLiveness(entry, livenessAt(entry, now));
    removeLongestGone(now);
    arm(Math.min(...[...entries.values()].map(deadlineOf)));
  }

  function removeLongestGone(now: number): void {
    const gone = [...entries.values()].filter(({ liveness }) => liveness === "gone");
    gone.sort((a, b) => goneAt(a) - goneAt(b));
    const tooMany = gone.length - goneWorkersLimit;
    for (const [at, entry] of gone.entries()) {
      if (at < tooMany || removalAt(entry) <= now) drop(entry.report.worker_id, "removed");
    }
  }

  function drop(workerId: string, type: "forgotten" | "removed" | "deregistered"): void {
    entries.delete(workerId);
    onEvent({ type, at: timestamp(), worker_id: workerId });
  }

  function add(report: Registration | Heartbeat, intervalMs: number): Entry {
    if (entries.size >= workersLimit) {
      throw new WaggleError("resource_exhausted", `Cannot register the worker: the list is full (${workersLimit}).`);
    }
    const at = timestamp();
    const entry: Entry = {
      registeredAt: at,
      source: "here",
      report,
      intervalMs,
      liveness: "alive",
      seenAt: clock.now(),
      lastSeenAt: at,
      heartbeats: 0,
    };
    entries.set(report.worker_id, entry);
    return entry;
  }

  function beat(entry: Entry, heartbeat: Heartbeat): void {
    if (heartbeat.state === "draining" || heartbeat.state === "stopped") entry.command = undefined;
    entry.heartbeats += 1;
    entry.lastHeartbeat = heartbeat;
    see(entry, heartbeat);
    onEvent({ type: "heartbeat", at: timestamp(), heartbeat });
  }

  const list = (): HiveWorker[] => [...entries.values()].map(toWorker);

  return {
    register(registration) {
      const entry = entries.get(registration.worker_id) ?? add(registration, registration.interval_ms);
      entry.source = "here";
      entry.intervalMs = registration.interval_ms;
      // The worker was restarted: the command was for its previous process.
      entry.command = undefined;
      see(entry, registration);
      const worker = toWorker(entry);
      onEvent({ type: "registered", at: timestamp(), worker });
      return worker;
    },
    heartbeat(heartbeat) {
      const entry = registeredWorker(heartbeat.worker_id);
      beat(entry, heartbeat);
      return entry.command;
    },
    hear(heartbeat, intervalMs) {
      const known = entries.get(heartbeat.worker_id);
      if (known?.source === "here" && known.liveness !== "gone") return;
      const entry = known ?? add(heartbeat, intervalMs);
      entry.source = "nats";
      entry.intervalMs = intervalMs;
      if (entry !== known) onEvent({ type: "registered", at: timestamp(), worker: toWorker(entry) });
      beat(entry, heartbeat);
    },
    lose(workerId) {
      const entry = entries.get(workerId);
      if (entry?.source !== "nats" || clock.now() - entry.seenAt >= overdueIntervals * entry.intervalMs) return;
      drop(workerId, "deregistered");
    },
    deregister(workerId) {
      registeredWorker(workerId);
      drop(workerId, "deregistered");
    },
    drain(workerId) {
      const entry = registeredWorker(workerId);
      const reason = refusalToDrain(entry);
      if (reason !== undefined) throw new WaggleError("conflict", `Cannot drain worker ${workerId}: ${reason}.`);
      if (entry.command !== "drain" && entry.report.state !== "draining") {
        entry.command = "drain";
        onEvent({ type: "command", at: timestamp(), worker_id: workerId, command: "drain" });
      }
      return toWorker(entry);
    },
    remove(workerId) {
      if (registeredWorker(workerId).liveness !== "gone") {
        throw new WaggleError("conflict", `Cannot remove worker ${workerId}: it is not gone. Drain it instead.`);
      }
      drop(workerId, "removed");
    },
    get: (workerId) => toWorker(registeredWorker(workerId)),
    list,
    forgetAll() {
      for (const workerId of entries.keys()) drop(workerId, "forgotten");
    },
    snapshot: () => ({ type: "snapshot", at: timestamp(), workers: list() }),
    close() {
      timer?.cancel();
      timer = undefined;
    },
  };
}

function staleAt({ seenAt, intervalMs }: Entry): number {
  return seenAt + staleAfterMs(intervalMs);
}

function goneAt({ seenAt, intervalMs }: Entry): number {
  return seenAt + goneAfterMs(intervalMs);
}

function removalAt(entry: Entry): number {
  return goneAt(entry) + goneKeptMs;
}

/** The reason why this hive cannot drain the worker, as the end of a sentence. */
function refusalToDrain({ source, liveness, report }: Entry): string | undefined {
  if (liveness === "gone") return "it is gone";
  const instead = `Drain it at its address: waggle drain --url ${report.url}`;
  if (source === "nats") return `it is known from NATS only, and takes no commands from this hive. ${instead}`;
  if (report.obeys?.includes("drain") !== true) return `it obeys only a hive to which it sends a token. ${instead}`;
  return undefined;
}

/** The time at which the worker's liveness changes, or the worker leaves the list, if no other heartbeat arrives. */
function deadlineOf(entry: Entry): number {
  switch (entry.liveness) {
    case "alive":
      return staleAt(entry);
    case "stale":
      return goneAt(entry);
    case "gone":
      return removalAt(entry);
  }
}

function livenessAt(entry: Entry, now: number): LivenessState {
  if (now >= goneAt(entry)) return "gone";
  return now >= staleAt(entry) ? "stale" : "alive";
}

function toWorker(entry: Entry): HiveWorker {
  const { worker_id, url, model, state, backend, slots, queue, version, models, obeys } = entry.report;
  return {
    worker_id,
    ...(entry.source === "nats" ? { source: "nats" as const } : {}),
    url,
    model,
    state,
    slots,
    queue,
    version,
    ...(backend === undefined ? {} : { backend }),
    ...(models === undefined ? {} : { models }),
    ...(obeys === undefined ? {} : { obeys }),
    interval_ms: entry.intervalMs,
    liveness: entry.liveness,
    registered_at: entry.registeredAt,
    last_seen_at: entry.lastSeenAt,
    heartbeats: entry.heartbeats,
    ...(entry.lastHeartbeat === undefined ? {} : { last_heartbeat: entry.lastHeartbeat }),
    ...(entry.command === undefined ? {} : { command: entry.command }),
  };
}
