// Owns the state of the hive's page: the workers with a short history of each, the fleet's gateways, and a timeline. Pure: an event makes a new
// view.
import type {
  Heartbeat,
  HiveCommand,
  HiveEvent,
  HiveFleet,
  HiveWorker,
  LivenessState,
  WorkerLoad,
} from "@waggle/protocol";

/** Limit of heartbeats kept per worker, for the small charts and the last measured latencies. */
export const samplesLimit = 100;
const timelineLimit = 200;

/** The values of a heartbeat. */
export interface Sample {
  /** Milliseconds since 1970, by the hive's clock. */
  readonly at: number;
  /** Milliseconds since 1970, by the worker's clock; identifies one of the worker's heartbeats. */
  readonly sentAt: number;
  readonly busy: number;
  readonly queued: number;
  readonly tokensPerSecond: number | undefined;
  readonly load: Omit<WorkerLoad, "clients"> | undefined;
}

export interface WorkerView {
  readonly worker: HiveWorker;
  readonly tokensPerSecond: number | undefined;
  readonly samples: readonly Sample[];
}

export type Happening =
  | "joined"
  | "restarted"
  | "engine"
  | "stale"
  | "gone"
  | "back"
  | "drain"
  | "left"
  | "unlisted"
  | "removed"
  | "forgotten";

export interface TimelineEntry {
  readonly key: number;
  /** Milliseconds since 1970, by the hive's clock. */
  readonly at: number;
  /** Id of a worker or a gateway. */
  readonly who: string;
  readonly what: Happening;
}

export interface HiveView {
  readonly workers: ReadonlyMap<string, WorkerView>;
  /** Undefined without a fleet. */
  readonly fleet: HiveFleet | undefined;
  /** Whether the hive has routes for faults. */
  readonly faults: boolean;
  /** Newest first. */
  readonly timeline: readonly TimelineEntry[];
  /** The hive's clock minus this browser's. */
  readonly clockOffsetMs: number;
}

export const emptyHive: HiveView = {
  workers: new Map(),
  fleet: undefined,
  faults: false,
  timeline: [],
  clockOffsetMs: 0,
};

/** @param now this browser's clock, milliseconds since 1970 */
export function applyHiveEvent(view: HiveView, event: HiveEvent, now: number): HiveView {
  const at = Date.parse(event.at);
  const timed = { ...view, clockOffsetMs: at - now };
  switch (event.type) {
    case "snapshot":
      return applyFleet(applySnapshot({ ...timed, faults: event.faults === true }, event.workers, at), event.fleet, at);
    case "fleet":
      return applyFleet(timed, event.fleet, at);
    case "registered":
      return applyRegistration(timed, event.worker, at);
    case "heartbeat":
      return applyHeartbeat(timed, event.heartbeat, at);
    case "liveness":
      return applyLiveness(timed, event.worker_id, event.liveness, at);
    case "command":
      return applyCommand(timed, event.worker_id, event.command, at);
    case "removed":
      return note(withoutWorker(timed, event.worker_id), event.worker_id, "removed", at);
    case "deregistered":
      return note(withoutWorker(timed, event.worker_id), event.worker_id, "left", at);
    case "forgotten":
      return note(withoutWorker(timed, event.worker_id), event.worker_id, "forgotten", at);
  }
}

/** Adds heartbeats that the page missed before it was opened, or while it had no connection. */
export function addHistory(view: HiveView, heartbeats: readonly Heartbeat[]): HiveView {
  const workers = new Map(view.workers);
  for (const [id, known] of workers) {
    const seen = new Set(known.samples.map(({ sentAt }) => sentAt));
    const aheadMs = clockOf(known);
    const missed = heartbeats
      .filter(({ worker_id, timestamp }) => worker_id === id && !seen.has(Date.parse(timestamp)))
      .map((heartbeat) => sampleOf(heartbeat, Date.parse(heartbeat.timestamp) + aheadMs));
    const samples = [...missed, ...known.samples].toSorted((a, b) => a.at - b.at);
    workers.set(id, { ...known, samples: samples.slice(-samplesLimit) });
  }
  return { ...view, workers };
}

/** The hive's clock minus the worker's, computed from the times at which the last heartbeat was received and sent. */
function clockOf({ samples, worker: { last_heartbeat: last, last_seen_at: seenAt } }: WorkerView): number {
  const newest = samples.at(-1);
  if (newest !== undefined) return newest.at - newest.sentAt;
  return last === undefined ? 0 : Date.parse(seenAt) - Date.parse(last.timestamp);
}

/**
 * Applies the first snapshot, or the snapshot after a lost connection. Changes during the loss get the time of the snapshot. A missing worker
 * is `unlisted` and not `left`, because the hive may have restarted.
 */
function applySnapshot(view: HiveView, listed: readonly HiveWorker[], at: number): HiveView {
  const ids = new Set(listed.map(({ worker_id }) => worker_id));
  let next = view;
  for (const id of view.workers.keys()) if (!ids.has(id)) next = note(withoutWorker(next, id), id, "unlisted", at);
  const byAge = listed.toSorted((a, b) => a.registered_at.localeCompare(b.registered_at));
  for (const worker of byAge) {
    const known = next.workers.get(worker.worker_id);
    const happening = known === undefined ? "joined" : changeOf(known.worker.liveness, worker.liveness);
    next = withWorker(next, worker);
    if (happening !== undefined) {
      next = note(next, worker.worker_id, happening, known === undefined ? Date.parse(worker.registered_at) : at);
    }
    if (known === undefined && worker.liveness !== "alive") next = note(next, worker.worker_id, worker.liveness, at);
  }
  return next;
}

function applyRegistration(view: HiveView, worker: HiveWorker, at: number): HiveView {
  const known = view.workers.get(worker.worker_id);
  const next = withWorker(view, worker);
  if (known === undefined) return note(next, worker.worker_id, "joined", at);
  return note(next, worker.worker_id, changeOf(known.worker.liveness, worker.liveness) ?? "restarted", at);
}

function applyHeartbeat(view: HiveView, heartbeat: Heartbeat, at: number): HiveView {
  const known = view.workers.get(heartbeat.worker_id);
  if (known === undefined) return view;
  const { url, model, state, slots, queue, version, models } = heartbeat;
  const { models: _, ...before } = known.worker;
  const worker: HiveWorker = {
    ...before,
    ...{ url, model, state, slots, queue, version },
    ...(state === "draining" || state === "stopped" ? { command: undefined } : {}),
    ...(models === undefined ? {} : { models }),
    last_seen_at: new Date(at).toISOString(),
    heartbeats: known.worker.heartbeats + 1,
    last_heartbeat: heartbeat,
  };
  const samples = [...known.samples, sampleOf(heartbeat, at)].slice(-samplesLimit);
  const next = put(view, { worker, samples, tokensPerSecond: heartbeat.tokens_per_second });
  return lostEngine(known.worker.last_heartbeat?.load, heartbeat.load)
    ? note(next, worker.worker_id, "engine", at)
    : next;
}

function lostEngine(before: WorkerLoad | undefined, now: WorkerLoad | undefined): boolean {
  if (before === undefined || now === undefined || before.started_at !== now.started_at) return false;
  return now.engine.deaths > before.engine.deaths;
}

function applyLiveness(view: HiveView, id: string, liveness: LivenessState, at: number): HiveView {
  const known = view.workers.get(id);
  if (known === undefined) return view;
  const happening = changeOf(known.worker.liveness, liveness);
  const next = put(view, { ...known, worker: { ...known.worker, liveness } });
  return happening === undefined ? next : note(next, id, happening, at);
}

function applyCommand(view: HiveView, id: string, command: HiveCommand, at: number): HiveView {
  const known = view.workers.get(id);
  if (known === undefined) return view;
  return note(put(view, { ...known, worker: { ...known.worker, command } }), id, command, at);
}

/** Gateways in the first list joined at their start, not now. */
function applyFleet(view: HiveView, fleet: HiveFleet | undefined, at: number): HiveView {
  const before = new Set(view.fleet?.gateways.map(({ gateway_id: id }) => id));
  const now = new Map(fleet?.gateways.map(({ gateway_id: id, started_at }) => [id, Date.parse(started_at)]));
  let next: HiveView = { ...view, fleet };
  for (const id of before) if (!now.has(id)) next = note(next, id, "left", at);
  for (const [id, since] of now)
    if (!before.has(id)) next = note(next, id, "joined", view.fleet === undefined ? since : at);
  return next;
}

function changeOf(was: LivenessState, is: LivenessState): Happening | undefined {
  if (was === is) return undefined;
  return is === "alive" ? "back" : is;
}

function sampleOf({ timestamp, slots, queue, tokens_per_second, load }: Heartbeat, at: number): Sample {
  const { clients: _, ...lasting } = load ?? {};
  return {
    at,
    sentAt: Date.parse(timestamp),
    busy: slots.busy,
    queued: queue.depth,
    tokensPerSecond: tokens_per_second,
    load: load === undefined ? undefined : (lasting as Omit<WorkerLoad, "clients">),
  };
}

function withWorker(view: HiveView, worker: HiveWorker): HiveView {
  const known = view.workers.get(worker.worker_id);
  const tokensPerSecond = worker.last_heartbeat?.tokens_per_second;
  return put(view, { worker, tokensPerSecond, samples: known?.samples ?? [] });
}

function put(view: HiveView, changed: WorkerView): HiveView {
  return { ...view, workers: new Map(view.workers).set(changed.worker.worker_id, changed) };
}

function withoutWorker(view: HiveView, id: string): HiveView {
  const workers = new Map(view.workers);
  workers.delete(id);
  return { ...view, workers };
}

/** Inserts an entry by its time: a snapshot's workers come before its gateways, so entries do not arrive in order. */
function note(view: HiveView, who: string, what: Happening, at: number): HiveView {
  const { timeline } = view;
  const key = Math.max(0, ...timeline.map((entry) => entry.key)) + 1;
  const later = timeline.filter((entry) => entry.at > at);
  const rest = timeline.filter((entry) => entry.at <= at);
  return { ...view, timeline: [...later, { key, at, who, what }, ...rest].slice(0, timelineLimit) };
}
