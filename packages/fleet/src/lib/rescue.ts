// Owns jobs that lie with a worker that is gone: they were for it alone, and now are for everybody.
import type { Clock } from "@waggle/async";
import type { Logger } from "@waggle/telemetry";
import type { Beats } from "./beats.ts";
import type { FleetConnection } from "./connection.ts";
import { shareJob, takeJob } from "./job-queue.ts";
import { consumers, jobsStream } from "./names.ts";

/** How long after its last word a worker's own queue is taken away, when nothing is in it. */
const keepQueueMs = 60_000;
/** How often we look for queues of workers that fell silent before we were there. */
const listIntervalMs = 5_000;

export interface Rescue {
  /** Passes on what lies with workers that have fallen silent. Never throws. */
  look(): Promise<void>;
}

export function createRescue(options: {
  readonly connection: FleetConnection;
  readonly beats: Pick<Beats, "silent" | "isAlive">;
  readonly self: string;
  readonly clock: Clock;
  readonly log: Logger;
}): Rescue {
  const { connection, beats, self, clock, log } = options;
  /** When each was first found silent; undefined once its queue is gone. */
  const silentSince = new Map<string, number | undefined>();
  /** Those that are not there, and that we have never heard. */
  let unheard: readonly string[] = [];
  let listedAt = clock.now();
  let looking = false;

  async function rescue(worker: string): Promise<void> {
    const connected = connection.use();
    const name = consumers.at(worker);
    const info = await connected.jsm.consumers.info(jobsStream, name).catch(() => undefined);
    const since = silentSince.get(worker) ?? clock.now();
    silentSince.set(worker, info === undefined ? undefined : since);
    if (info === undefined) return;
    if (info.num_pending === 0 && info.num_ack_pending === 0) {
      if (clock.now() - since < keepQueueMs) return;
      await connected.jsm.consumers.delete(jobsStream, name);
      silentSince.set(worker, undefined);
      return;
    }
    for (let taken = await takeJob(connected, name); taken !== undefined; taken = await takeJob(connected, name)) {
      log.info({ job: taken.job.id, worker }, "fleet_job_rescued");
      await shareJob(connected, taken.job);
      await taken.done();
    }
  }

  async function list(): Promise<void> {
    if (clock.now() - listedAt < listIntervalMs) return;
    listedAt = clock.now();
    const owners: string[] = [];
    for await (const { name } of connection.use().jsm.consumers.list(jobsStream)) {
      const worker = consumers.ownerOf(name);
      if (worker !== undefined && !beats.isAlive("worker", worker)) owners.push(worker);
    }
    unheard = owners;
  }

  return {
    async look() {
      if (looking) return;
      looking = true;
      try {
        await list();
        const silent = new Set(beats.silent("worker"));
        for (const worker of unheard) if (!beats.isAlive("worker", worker)) silent.add(worker);
        for (const known of silentSince.keys()) if (!silent.has(known)) silentSince.delete(known);
        for (const worker of silent) {
          if (worker === self || (silentSince.has(worker) && silentSince.get(worker) === undefined)) continue;
          await rescue(worker);
        }
      } catch (error) {
        log.debug({ err: error }, "fleet_rescue_failed");
      } finally {
        looking = false;
      }
    },
  };
}
