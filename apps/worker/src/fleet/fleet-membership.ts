// Owns the worker's membership of a fleet. Workers without a fleet do not load NATS's library.
import type { Clock } from "@waggle/async";
import type { Broker, WorkerSide } from "@waggle/fleet";
import type { Logger, WorkerMetrics } from "@waggle/telemetry";
import type { WorkerConfig } from "../config.ts";
import type { Worker, WorkerListener } from "../worker.ts";

/** Does nothing until it has joined, nor if no fleet is configured. */
export interface FleetMembership extends WorkerListener {
  /** @throws WaggleError invalid_argument for a server that is not allowed */
  join(worker: Pick<Worker, "accounts" | "models" | "report" | "served">): Promise<void>;
  /** Takes no new jobs, and hands over the jobs that another worker can continue. */
  leave(): Promise<void>;
  close(): Promise<void>;
}

export interface FleetMembershipOptions {
  readonly config: WorkerConfig;
  readonly log: Logger;
  readonly metrics: WorkerMetrics;
  readonly clock: Clock;
}

export function createFleetMembership({ config, log, metrics, clock }: FleetMembershipOptions): FleetMembership {
  let joined: { readonly broker: Broker; readonly side: WorkerSide } | undefined;
  return {
    async join(worker) {
      const { natsUrl, natsCreds, natsInsecure, workerId, version } = config;
      if (natsUrl === undefined) return;
      const { createWorkerSide, openBroker, systemChance: chance } = await import("@waggle/fleet");
      const { createFleetPort } = await import("./fleet-port.ts");
      const broker = openBroker({
        url: natsUrl,
        credsFile: natsCreds,
        insecure: natsInsecure,
        name: `waggle-worker ${workerId}`,
        role: "worker",
        log,
        clock,
        random: chance.next,
      });
      const port = createFleetPort({
        id: workerId,
        version,
        ...worker,
        moved: (how) => metrics.fleetMoves.inc({ how }),
      });
      joined = { broker, side: createWorkerSide({ broker, port, clock, chance, log }) };
    },
    observe(_job, { type }) {
      // The dispatcher frees the slot right after it has reported the job's end.
      if (type === "ended") queueMicrotask(() => joined?.side.refill());
    },
    modelChanged: () => joined?.side.changed(),
    collect() {
      if (joined === undefined) return;
      metrics.fleetConnected.set(Number(joined.broker.connected));
      metrics.fleetJobs.set(joined.side.running);
    },
    leave: async () => await joined?.side.leave(),
    async close() {
      await joined?.side.close();
      await joined?.broker.close();
    },
  };
}
