// Rescues jobs from lost workers. Jobs in a lost worker's own queue move to the common queue. While NATS returns the jobs that the lost
// worker had taken, idle workers get hints to pull. The gateways rescue jobs, not the workers, because there are fewer gateways.
import type { Clock } from "@waggle/async";
import { errorReason } from "@waggle/daemon/terminal";
import type { Logger } from "@waggle/telemetry";
import { fireAndForget } from "../nats/publish.ts";
import type { Beats } from "../members/beats.ts";
import type { FleetConnection } from "../nats/connection.ts";
import { shareJob, takeJob } from "./job-queue.ts";
import { consumers, jobsStream, subjects } from "../nats/names.ts";

/** How long the empty queue of a silent worker is kept. */
const keepQueueMs = 60_000;
/** Interval of the search for queues of workers that fell silent while this gateway was not connected. */
const listIntervalMs = 60_000;
/** How long NATS may return jobs of a silent worker: NATS returns each job five seconds after the job's last `working`. */
const comingBackMs = 10_000;

/** Returns the function that moves the jobs of silent workers to the common queue. To be called every second. Never throws. */
export function createRescue(options: {
  readonly connection: FleetConnection;
  readonly beats: Pick<Beats, "silentWorkers" | "isAlive">;
  /** The names of all models that the fleet has. */
  readonly models: () => Iterable<string>;
  readonly clock: Clock;
  readonly log: Logger;
}): () => Promise<void> {
  const { connection, beats, models, clock, log } = options;
  /** The time when each worker was first found silent. */
  const silentSince = new Map<string, number>();
  /** Silent workers whose queues are gone. */
  const cleared = new Set<string>();
  /** Workers with a queue. Some may never have sent us a beat. */
  let owners: readonly string[] = [];
  let listedAt = -Infinity;
  let running = false;

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

  function updateSilent(): void {
    const silent = new Set(beats.silentWorkers());
    for (const worker of owners) if (!beats.isAlive("worker", worker)) silent.add(worker);
    for (const known of silentSince.keys()) {
      if (silent.has(known)) continue;
      silentSince.delete(known);
      cleared.delete(known);
    }
    for (const worker of silent) if (!silentSince.has(worker)) silentSince.set(worker, clock.now());
  }

  /** Sends hints to idle workers, because NATS sends no message when it returns a lost worker's jobs. */
  function hintIdleWorkers(): void {
    const isDue = [...silentSince.values()].some((since) => clock.now() - since <= comingBackMs);
    if (!isDue || !connection.connected) return;
    for (const model of models()) fireAndForget(connection.use().nc, subjects.hint(model));
  }

  async function list(): Promise<void> {
    if (clock.now() - listedAt < listIntervalMs) return;
    const found: string[] = [];
    for await (const { name } of connection.use().jsm.consumers.list(jobsStream)) {
      const worker = consumers.ownerOf(name);
      if (worker !== undefined) found.push(worker);
    }
    owners = found;
    listedAt = clock.now();
  }

  return async () => {
    if (running) return;
    running = true;
    try {
      await list();
      updateSilent();
      hintIdleWorkers();
      for (const [worker, since] of [...silentSince]) if (!cleared.has(worker)) await rescue(worker, since);
    } catch (error) {
      log.debug({ reason: errorReason(error) }, "fleet_rescue_failed");
    } finally {
      running = false;
    }
  };
}
