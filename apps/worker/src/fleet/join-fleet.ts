// Owns the worker's membership of a fleet. Workers without a fleet do not load NATS's library.
import type { Clock } from "@waggle/async";
import type { Logger, WorkerMetrics } from "@waggle/telemetry";
import type { WorkerConfig } from "../config.ts";
import type { Worker } from "../worker.ts";

export interface FleetMembership {
  /** Takes more jobs from the fleet. Called when a job has ended, since a slot may be free. */
  refill(): void;
  changed(): void;
  /** Updates the gauges of the fleet. */
  collect(): void;
  /** Takes no new jobs, and hands over the jobs that another worker can continue. */
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

/** Undefined when no fleet is configured. @throws WaggleError invalid_argument for a server that is not allowed */
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
    // The dispatcher frees the slot right after it has reported the job's end.
    refill: () => queueMicrotask(side.refill),
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
