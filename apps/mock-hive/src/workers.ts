// Owns the registry: which workers there are, how alive each is, and their last heartbeats. Time and timers come from the clocks it is
// given; it knows no HTTP.
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

/** Most workers in the registry, in whatever state; a further one is refused. */
export const workersLimit = 1_000;
/** Most gone workers that stay listed, for `goneKeptMs` at most; the one that has been gone longest is removed first. */
export const goneWorkersLimit = 100;

/** Who has missed a heartbeat of a fleet for as many intervals has not left in good order. */
const overdueIntervals = 2;

export interface WorkerRegistryOptions {
  readonly clock: Clock;
  /** Milliseconds since 1970, for the timestamps that others read. */
  readonly wallClock: () => number;
  /** Over all workers. */
  readonly heartbeatsKept: number;
  readonly onEvent: (event: HiveEvent) => void;
}

export interface WorkerRegistry {
  /**
   * Idempotent: a worker that is listed keeps its first registration time and its count of heartbeats.
   * @throws WaggleError resource_exhausted at `workersLimit`
   */
  register(registration: Registration): HiveWorker;
  /**
   * @returns what the worker is to do, if anything
   * @throws WaggleError not_found when the worker is not listed: it must register again
   */
  heartbeat(heartbeat: Heartbeat): HiveCommand | undefined;
  /**
   * A worker is heard of elsewhere: in a fleet, every `intervalMs`. One that registers here itself is left to that, unless it is gone.
   * @throws WaggleError resource_exhausted at `workersLimit`
   */
  hear(heartbeat: Heartbeat, intervalMs: number): void;
  /** It is no longer told of there. One that was overdue already has not left: its time runs on. */
  lose(workerId: string): void;
  /** @throws WaggleError not_found */
  deregister(workerId: string): void;
  /**
   * The worker is told with its next heartbeat, and until it has begun or registers again. Idempotent.
   * @throws WaggleError not_found; conflict when the worker is gone, or obeys no such command
   */
  drain(workerId: string): HiveWorker;
  /** @throws WaggleError not_found; conflict when the worker is not gone: it would only come again */
  remove(workerId: string): void;
  /** @throws WaggleError not_found */
  get(workerId: string): HiveWorker;
  /** In the order of their first registration. */
  list(): HiveWorker[];
  /** The last `limit` ones, newest last. */
  heartbeats(filter: { readonly workerId?: string | undefined; readonly limit: number }): Heartbeat[];
  /** Drops every worker; their next heartbeats are unknown. */
  forgetAll(): void;
  snapshot(): Extract<HiveEvent, { type: "snapshot" }>;
  /** Cancels the timer; liveness changes no more. */
  close(): void;
}

interface Entry {
  readonly registeredAt: string;
  /** Whether it registers here, or is heard of elsewhere. */
  source: "here" | "nats";
  /** What the worker said of itself last, registering or by heartbeat. */
  report: Registration | Heartbeat;
  intervalMs: number;
  liveness: LivenessState;
  /** On the monotonic clock. */
  seenAt: number;
  lastSeenAt: string;
  heartbeats: number;
  lastHeartbeat?: Heartbeat;
  /** Asked of it, and not yet begun. */
  command?: HiveCommand | undefined;
}

export function createWorkerRegistry(options: WorkerRegistryOptions): WorkerRegistry {
  const { clock, onEvent } = options;
  const entries = new Map<string, Entry>();
  const kept: Heartbeat[] = [];
  let timer: (TimerHandle & { readonly dueAt: number }) | undefined;

  const timestamp = (): string => new Date(options.wallClock()).toISOString();

  function entryOf(workerId: string): Entry {
    const entry = entries.get(workerId);
    if (entry === undefined) {
      throw new WaggleError("not_found", `Cannot find worker ${workerId.slice(0, 128)}: it is not registered here.`);
    }
    return entry;
  }

  /** The worker was heard of just now. */
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

  /** One timer, for the next deadline of all. One that a heartbeat has made too early finds nothing to do and arms the next. */
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
      throw new WaggleError(
        "resource_exhausted",
        `Cannot register the worker: ${workersLimit} are registered already.`,
      );
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
    kept.push(heartbeat);
    if (kept.length > options.heartbeatsKept) kept.shift();
    onEvent({ type: "heartbeat", at: timestamp(), heartbeat });
  }

  const list = (): HiveWorker[] => [...entries.values()].map(toWorker);

  return {
    register(registration) {
      const entry = entries.get(registration.worker_id) ?? add(registration, registration.interval_ms);
      entry.source = "here";
      entry.intervalMs = registration.interval_ms;
      // Somebody has started it anew since: what was asked of the one before is over with it.
      entry.command = undefined;
      see(entry, registration);
      const worker = toWorker(entry);
      onEvent({ type: "registered", at: timestamp(), worker });
      return worker;
    },
    heartbeat(heartbeat) {
      const entry = entryOf(heartbeat.worker_id);
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
      entryOf(workerId);
      drop(workerId, "deregistered");
    },
    drain(workerId) {
      const entry = entryOf(workerId);
      const reason = refusalToDrain(entry);
      if (reason !== undefined) throw new WaggleError("conflict", `Cannot drain worker ${workerId}: ${reason}.`);
      if (entry.command !== "drain" && entry.report.state !== "draining") {
        entry.command = "drain";
        onEvent({ type: "command", at: timestamp(), worker_id: workerId, command: "drain" });
      }
      return toWorker(entry);
    },
    remove(workerId) {
      if (entryOf(workerId).liveness !== "gone") {
        throw new WaggleError("conflict", `Cannot remove worker ${workerId}: it is not gone. Drain it instead.`);
      }
      drop(workerId, "removed");
    },
    get: (workerId) => toWorker(entryOf(workerId)),
    list,
    heartbeats: ({ workerId, limit }) =>
      kept.filter((heartbeat) => workerId === undefined || heartbeat.worker_id === workerId).slice(-limit),
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

/** Why it cannot be drained from here, as the end of a sentence. */
function refusalToDrain({ source, liveness, report }: Entry): string | undefined {
  if (source === "nats") return "it is heard of on NATS only, and takes no commands from here";
  if (liveness === "gone") return "it is gone";
  if (report.obeys?.includes("drain") !== true) return "it does not obey a hive that it shows no token to";
  return undefined;
}

/** When, without a further sign of life, the worker's liveness changes next, or it leaves the list. */
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
