// Owns the rescue of jobs from lost workers. Jobs in a lost worker's own queue move to the common queue. While NATS returns the jobs that the lost
// worker had taken, idle workers get hints to pull. Each gateway does this, because there are few gateways and many workers.
import type { Clock } from "@waggle/async";
import type { Logger } from "@waggle/telemetry";
import type { Beats } from "./beats.ts";
import type { FleetConnection } from "./connection.ts";
import { shareJob, takeJob } from "./job-queue.ts";
import { consumers, jobsStream, subjects } from "./names.ts";
import { say } from "./say.ts";

/** How long after its last word a worker's own queue is taken away, when nothing is in it. */
const keepQueueMs = 60_000;
/** How often we look for queues of workers that fell silent before we were there. */
const listIntervalMs = 5_000;
/** How long after a worker fell silent its jobs may still come back: NATS waits for five seconds from its last word about each. */
const comingBackMs = 10_000;

export interface Rescue {
  /** To be called every second: passes on the jobs of workers that have fallen silent. Never throws. */
  look(): Promise<void>;
}

export function createRescue(options: {
  readonly connection: FleetConnection;
  readonly beats: Pick<Beats, "silent" | "isAlive">;
  /** The names of all models that the fleet has. */
  readonly models: () => Iterable<string>;
  readonly clock: Clock;
  readonly log: Logger;
}): Rescue {
  const { connection, beats, models, clock, log } = options;
  /** When each was first found silent. */
  const silentSince = new Map<string, number>();
  /** Silent workers whose queues are gone. */
  const cleared = new Set<string>();
  /** Those that are not there, and that we have never heard. */
  let unheard: readonly string[] = [];
  let listedAt = clock.now();
  let looking = false;

  async function rescue(worker: string, since: number): Promise<void> {
    const connected = connection.use();
    const name = consumers.at(worker);
    const info = await connected.jsm.consumers.info(jobsStream, name).catch(() => undefined);
    if (info === undefined) return void cleared.add(worker);
    if (info.num_pending === 0 && info.num_ack_pending === 0) {
      if (clock.now() - since < keepQueueMs) return;
      await connected.jsm.consumers.delete(jobsStream, name);
      cleared.add(worker);
      return;
    }
    for (let taken = await takeJob(connected, name); taken !== undefined; taken = await takeJob(connected, name)) {
      log.info({ job: taken.job.id, worker }, "fleet_job_rescued");
      await shareJob(connected, taken.job);
      await taken.done();
    }
  }

  function noteSilent(): ReadonlySet<string> {
    const silent = new Set(beats.silent("worker"));
    for (const worker of unheard) if (!beats.isAlive("worker", worker)) silent.add(worker);
    for (const known of silentSince.keys()) {
      if (silent.has(known)) continue;
      silentSince.delete(known);
      cleared.delete(known);
    }
    for (const worker of silent) if (!silentSince.has(worker)) silentSince.set(worker, clock.now());
    return silent;
  }

  /** What a lost worker had taken comes back without a word from NATS. */
  function callIdleWorkers(): void {
    const isDue = [...silentSince.values()].some((since) => clock.now() - since <= comingBackMs);
    if (!isDue || !connection.connected) return;
    for (const model of models()) say(connection.use().nc, subjects.hint(model));
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
        const silent = noteSilent();
        callIdleWorkers();
        for (const worker of silent) {
          if (!cleared.has(worker)) await rescue(worker, silentSince.get(worker) ?? clock.now());
        }
      } catch (error) {
        log.debug({ err: error }, "fleet_rescue_failed");
      } finally {
        looking = false;
      }
    },
  };
}
