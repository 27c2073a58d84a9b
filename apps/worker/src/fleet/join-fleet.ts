// Owns the worker's membership of a fleet: NATS's library is loaded only by who has one.
import type { Clock } from "@waggle/async";
import type { Logger, WorkerMetrics } from "@waggle/telemetry";
import type { WorkerConfig } from "../config.ts";
import type { Worker } from "../worker.ts";

export interface FleetMembership {
  /** A job has ended: there may be room for another one. */
  look(): void;
  /** What this worker offers is different now. */
  changed(): void;
  /** Brings its gauges up to date. */
  collect(): void;
  /** Takes nothing new, and hands over what another worker can go on with. */
  leave(): Promise<void>;
  close(): Promise<void>;
}

export interface JoinFleetOptions {
  readonly config: WorkerConfig;
  readonly worker: Pick<Worker, "accounts" | "models" | "report" | "served">;
  readonly log: Logger;
  readonly metrics: WorkerMetrics;
  readonly clock: Clock;
}

/** Undefined where there is no fleet to join. @throws WaggleError invalid_argument where its server must not be talked to like this */
export async function joinFleet({
  config,
  worker,
  log,
  metrics,
  clock,
}: JoinFleetOptions): Promise<FleetMembership | undefined> {
  const { natsUrl, natsCreds, natsInsecure, workerId, version } = config;
  if (natsUrl === undefined) return undefined;
  const { createWorkerSide, openConnection } = await import("@waggle/fleet");
  const { createFleetPort } = await import("./fleet-port.ts");
  const connection = openConnection({
    url: natsUrl,
    credsFile: natsCreds,
    insecure: natsInsecure,
    name: `waggle-worker ${workerId}`,
    log,
    clock,
  });
  const side = createWorkerSide({
    connection,
    port: createFleetPort({ id: workerId, version, ...worker, moved: (how) => metrics.fleetMoves.inc({ how }) }),
    clock,
    log,
  });
  return {
    // The dispatcher frees the slot right after it has said that the job has ended.
    look: () => queueMicrotask(side.look),
    changed: side.changed,
    collect() {
      metrics.fleetConnected.set(Number(connection.connected));
      metrics.fleetJobs.set(side.running);
    },
    leave: side.leave,
    async close() {
      await side.close();
      await connection.close();
    },
  };
}
