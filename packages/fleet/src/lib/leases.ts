// Owns what becomes of jobs whose gateway is gone: nobody reads them, so each ends after the time that its client has to come back to another gateway.
import type { Clock } from "@waggle/async";
import type { Beats } from "./beats.ts";
import type { FleetConnection } from "./connection.ts";
import type { FleetRun } from "./fleet-run.ts";
import { keys } from "./names.ts";
import { decode, type JobRecord } from "./records.ts";

export interface LeasesOptions {
  readonly connection: FleetConnection;
  readonly beats: Pick<Beats, "isAlive">;
  readonly clock: Clock;
  readonly runs: () => readonly FleetRun[];
}

export interface Leases {
  /** Ends the jobs whose time is over. Never throws. */
  look(): Promise<void>;
}

export function createLeases({ connection, beats, clock, runs }: LeasesOptions): Leases {
  /** Since when nobody reads it. */
  const orphanedAt = new WeakMap<FleetRun, number>();
  /** The gateway that reads it, where another one has taken it over. */
  const adopters = new WeakMap<FleetRun, string>();
  let looking = false;

  async function check(run: FleetRun): Promise<void> {
    const { job } = run;
    if (job.orphanMs === null || beats.isAlive("gateway", adopters.get(run) ?? job.gateway)) {
      orphanedAt.delete(run);
      return;
    }
    const adopter = await readerOf(job.clientJob);
    if (adopter !== undefined && beats.isAlive("gateway", adopter)) {
      adopters.set(run, adopter);
      orphanedAt.delete(run);
      return;
    }
    const since = orphanedAt.get(run) ?? clock.now();
    orphanedAt.set(run, since);
    if (clock.now() - since >= job.orphanMs) run.cancel();
  }

  async function readerOf({ client, id }: FleetRun["job"]["clientJob"]): Promise<string | undefined> {
    const found = await connection.use().buckets.jobs.get(keys.job(client, id));
    return found?.operation === "PUT" ? decode<JobRecord>(found.value).gateway : undefined;
  }

  return {
    async look() {
      if (looking) return;
      looking = true;
      try {
        for (const run of runs()) await check(run);
      } catch {
        // NATS is away: nobody can tell who reads, and nobody loses a stream for that.
      } finally {
        looking = false;
      }
    },
  };
}
