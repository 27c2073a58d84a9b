// Owns the state of the hive's page: the workers and the fleet's gateways. Pure: an event makes a new view.
import type { Heartbeat, HiveEvent, HiveFleet, HiveWorker } from "@waggle/protocol";

export interface HiveView {
  readonly workers: ReadonlyMap<string, HiveWorker>;
  /** Undefined without a fleet. */
  readonly fleet: HiveFleet | undefined;
  /** The hive's clock minus this browser's. */
  readonly clockOffsetMs: number;
}

export const emptyHive: HiveView = { workers: new Map(), fleet: undefined, clockOffsetMs: 0 };

/** @param now this browser's clock, milliseconds since 1970 */
export function applyHiveEvent(view: HiveView, event: HiveEvent, now: number): HiveView {
  const at = Date.parse(event.at);
  const timed = { ...view, clockOffsetMs: at - now };
  switch (event.type) {
    case "snapshot":
      return {
        ...timed,
        workers: new Map(event.workers.map((worker) => [worker.worker_id, worker])),
        fleet: event.fleet,
      };
    case "fleet":
      return { ...timed, fleet: event.fleet };
    case "registered":
      return withWorker(timed, event.worker);
    case "heartbeat":
      return applyHeartbeat(timed, event.heartbeat, at);
    case "liveness":
      return changeWorker(timed, event.worker_id, { liveness: event.liveness });
    case "command":
      return changeWorker(timed, event.worker_id, { command: event.command });
    case "removed":
    case "deregistered":
    case "forgotten":
      return withoutWorker(timed, event.worker_id);
  }
}

function applyHeartbeat(view: HiveView, heartbeat: Heartbeat, at: number): HiveView {
  const known = view.workers.get(heartbeat.worker_id);
  if (known === undefined) return view;
  const { url, model, state, slots, queue, version, models } = heartbeat;
  const { models: _, ...before } = known;
  return withWorker(view, {
    ...before,
    ...{ url, model, state, slots, queue, version },
    ...(state === "draining" || state === "stopped" ? { command: undefined } : {}),
    ...(models === undefined ? {} : { models }),
    last_seen_at: new Date(at).toISOString(),
    heartbeats: known.heartbeats + 1,
    last_heartbeat: heartbeat,
  });
}

function changeWorker(view: HiveView, id: string, changes: Partial<HiveWorker>): HiveView {
  const known = view.workers.get(id);
  return known === undefined ? view : withWorker(view, { ...known, ...changes });
}

function withWorker(view: HiveView, worker: HiveWorker): HiveView {
  return { ...view, workers: new Map(view.workers).set(worker.worker_id, worker) };
}

function withoutWorker(view: HiveView, id: string): HiveView {
  const workers = new Map(view.workers);
  workers.delete(id);
  return { ...view, workers };
}
