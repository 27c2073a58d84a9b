// Owns workers for tests of the hive's page. A test sets only the fields that it needs.
import type { Heartbeat, HiveWorker, WorkerLoad } from "@waggle/protocol";
import type { WorkerView } from "../state/hive-view.ts";

export const at = "2026-11-20T10:00:00.000Z";

const shape = {
  url: "http://127.0.0.1:1",
  model: "m",
  state: "ready" as const,
  slots: { total: 8, busy: 0 },
  queue: { depth: 0, capacity: 64 },
  version: "0",
};

export function load(changes: Partial<WorkerLoad> = {}): WorkerLoad {
  return {
    started_at: at,
    requests: { accepted: 0, refused: 0 },
    jobs: { finished: 0, failed: 0, cancelled: 0 },
    engine: { starts: 1, deaths: 0 },
    tokens: 0,
    cpu: { cores: 2, busy: 0.5 },
    memory: { worker_bytes: 1e9, engine_bytes: 2e9, free_bytes: 4e9, total_bytes: 8e9 },
    ...changes,
  };
}

export function heartbeatOf(id: string, changes: Partial<Heartbeat> = {}): Heartbeat {
  return { ...shape, worker_id: id, timestamp: at, health_status: "healthy", seq: 0, ...changes };
}

export function workerOf(id: string, changes: Partial<HiveWorker> = {}): HiveWorker {
  const times = { interval_ms: 5_000, registered_at: at, last_seen_at: at, heartbeats: 0 };
  return { ...shape, ...times, worker_id: id, liveness: "alive", ...changes };
}

export function viewOf(worker: HiveWorker, changes: Partial<WorkerView> = {}): WorkerView {
  return { worker, tokensPerSecond: worker.last_heartbeat?.tokens_per_second, samples: [], ...changes };
}
