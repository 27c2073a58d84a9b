// Owns the hive's routes as functions, for workers (register, heartbeat, deregister) and for observers.
import {
  HiveEventSchema,
  hiveRoutes,
  type Fault,
  type Heartbeat,
  type HeartbeatAnswer,
  type HiveEvent,
  type HiveWorker,
  type Registration,
} from "@waggle/protocol";
import { createHttp, type CallOptions, type ClientOptions } from "./http.ts";
import { streamOf } from "./stream.ts";

/**
 * Failed calls reject with a WaggleError: the error that the hive sent, or `unavailable` when the hive cannot be reached in time. `not_found` from
 * `heartbeat` means that the hive has forgotten the worker: register again.
 */
export interface HiveClient {
  register(registration: Registration, options?: CallOptions): Promise<HiveWorker>;
  heartbeat(heartbeat: Heartbeat, options?: CallOptions): Promise<HeartbeatAnswer>;
  deregister(workerId: string, options?: CallOptions): Promise<void>;
  /** Tells a worker to finish its running jobs and exit. */
  drain(workerId: string, options?: CallOptions): Promise<HiveWorker>;
  /** Removes a worker with liveness `gone` from the list. */
  remove(workerId: string, options?: CallOptions): Promise<void>;
  workers(options?: CallOptions): Promise<HiveWorker[]>;
  worker(workerId: string, options?: CallOptions): Promise<HiveWorker>;
  /**
   * Yields a snapshot, then changes. Each iteration sends a request, completes when the hive closes the stream, and throws BrokenStreamError when the
   * connection breaks.
   */
  events(options?: CallOptions): AsyncIterable<HiveEvent>;
  /** Returns the fault that applies from now on. */
  setFault(fault: Fault, options?: CallOptions): Promise<Fault>;
  fault(options?: CallOptions): Promise<Fault>;
}

/** @throws WaggleError invalid_argument when the base URL cannot be used */
export function createHiveClient(options: ClientOptions): HiveClient {
  const http = createHttp(options);

  return {
    register: (body, call) => http.json(hiveRoutes.register, { params: { id: body.worker_id }, body, ...call }),
    heartbeat: (body, call) => http.json(hiveRoutes.heartbeat, { body, ...call }),
    deregister: async (id, call) => {
      await http.text(hiveRoutes.deregister, { params: { id }, ...call });
    },
    drain: (id, call) => http.json(hiveRoutes.drain, { params: { id }, ...call }),
    remove: async (id, call) => {
      await http.text(hiveRoutes.remove, { params: { id }, ...call });
    },
    workers: async (call) => (await http.json(hiveRoutes.workers, call)).workers,
    worker: (id, call) => http.json(hiveRoutes.worker, { params: { id }, ...call }),
    events: (call = {}) => streamOf(http, hiveRoutes.heartbeatStream, call, { schema: HiveEventSchema }),
    setFault: (body, call) => http.json(hiveRoutes.setFault, { body, ...call }),
    fault: (call) => http.json(hiveRoutes.getFault, call),
  };
}
