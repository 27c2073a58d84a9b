// Ends orphaned jobs. The gateway of such a job is gone, and the client did not continue the job at another gateway in time.
import type { Clock } from "@waggle/async";
import type { Beats } from "../members/beats.ts";
import type { GatewayProcessId } from "../members/gateway-process.ts";
import { keys } from "../broker/names.ts";
import type { Broker } from "../broker/port.ts";
import type { FleetRun } from "./fleet-run.ts";
import { decode, type JobRecord } from "../queue/records.ts";

/**
 * How long a gateway may be silent until its jobs are orphans. A gateway keeps its jobs for half a minute without NATS, or while its process is
 * stopped. A gateway that leaves says so.
 */
const gatewayLeaseMs = 35_000;

export interface OrphansOptions {
  readonly broker: Pick<Broker, "records">;
  readonly beats: Pick<Beats, "isAlive">;
  readonly clock: Clock;
  readonly runs: () => readonly FleetRun[];
}

/** Returns the function that ends the orphaned jobs whose time is over. Never throws. */
export function createOrphanCheck({ broker, beats, clock, runs }: OrphansOptions): () => Promise<void> {
  /** When each job lost its gateway. */
  const orphanedAt = new WeakMap<FleetRun, number>();
  /** The gateway that has taken each job over. */
  const newGateways = new WeakMap<FleetRun, GatewayProcessId>();
  let running = false;

  async function check(run: FleetRun): Promise<void> {
    const { job } = run;
    if (job.orphanMs === null || beats.isAlive("gateway", newGateways.get(run) ?? job.gateway, gatewayLeaseMs)) {
      orphanedAt.delete(run);
      return;
    }
    const gateway = await gatewayOf(job.clientJob);
    if (gateway !== undefined && beats.isAlive("gateway", gateway, gatewayLeaseMs)) {
      newGateways.set(run, gateway);
      orphanedAt.delete(run);
      return;
    }
    const since = orphanedAt.get(run) ?? clock.now();
    orphanedAt.set(run, since);
    if (clock.now() - since >= job.orphanMs) run.cancel("orphaned");
  }

  async function gatewayOf({ client, id }: FleetRun["job"]["clientJob"]): Promise<GatewayProcessId | undefined> {
    const found = await broker.records.jobs.get(keys.job(client, id));
    return found && decode<JobRecord>(found.value).gateway;
  }

  return async () => {
    if (running) return;
    running = true;
    try {
      for (const run of runs()) await check(run);
    } catch {
      // NATS is away: the job's gateway is unknown, so no job ends.
    } finally {
      running = false;
    }
  };
}
