// Rescues jobs from lost workers. Jobs in a lost worker's own queue move to the common queue. While NATS returns the jobs that the lost
// worker had taken, idle workers get hints to pull. The gateways rescue jobs, not the workers, because there are fewer gateways.
import { errorReason } from "@waggle/daemon/terminal";
import type { MemberContext } from "../broker/member-context.ts";
import { queues, topics } from "../broker/names.ts";
import type { Beats } from "../members/beats.ts";
import { shareJob, takeJob } from "./job-queue.ts";

/** How long the empty queue of a silent worker is kept. */
const keepQueueMs = 60_000;
/** Interval of the search for queues of workers that fell silent while this gateway was not connected. */
const listIntervalMs = 60_000;
/** How long NATS may return jobs of a silent worker: NATS returns each job five seconds after the job's last `working`. */
const comingBackMs = 10_000;

export interface RescueOptions extends Pick<MemberContext, "broker" | "clock" | "log"> {
  readonly beats: Pick<Beats, "silentWorkers" | "hasLeft" | "isAlive">;
  /** The names of all models that the fleet has. */
  readonly models: () => Iterable<string>;
}

/** Returns the function that moves the jobs of silent workers to the common queue. To be called every second. Never throws. */
export function createRescue(options: RescueOptions): () => Promise<void> {
  const { broker, beats, models, clock, log } = options;
  /** The time when each worker was first found silent. */
  const silentSince = new Map<string, number>();
  /** Silent workers whose queues are gone, since the last list of queues. */
  const cleared = new Set<string>();
  /** Workers with a queue. Some may never have sent us a beat. */
  let owners: readonly string[] = [];
  let listedAt = -Infinity;
  let running = false;

  async function rescue(worker: string, since: number): Promise<void> {
    const queue = queues.at(worker);
    const size = await broker.jobs.sizeOf(queue);
    if (size === undefined) return void cleared.add(worker);
    if (size.waiting === 0 && size.taken === 0) {
      if (clock.now() - since < keepQueueMs) return;
      await broker.jobs.remove(queue);
      return void cleared.add(worker);
    }
    for (let taken = await takeJob(broker, queue); taken !== undefined; taken = await takeJob(broker, queue)) {
      log.info({ job: taken.job.id, stream_id: taken.job.clientJob.id, worker }, "fleet_job_rescued");
      await shareJob(broker, taken.job);
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
    for (const worker of silent) {
      if (silentSince.has(worker)) continue;
      silentSince.set(worker, clock.now());
      if (beats.hasLeft(worker)) log.info({ worker }, "worker_left");
      else log.warn({ worker }, "worker_lost");
    }
  }

  /** Sends hints to idle workers, because NATS sends no message when it returns a lost worker's jobs. */
  function hintIdleWorkers(): void {
    const isDue = [...silentSince.values()].some((since) => clock.now() - since <= comingBackMs);
    if (!isDue) return;
    for (const model of models()) broker.messages.send(topics.hint(model));
  }

  async function list(): Promise<void> {
    if (clock.now() - listedAt < listIntervalMs) return;
    owners = (await broker.jobs.list()).map(queues.ownerOf).filter((worker) => worker !== undefined);
    listedAt = clock.now();
    cleared.clear();
  }

  /** What fails is tried again in the next round. */
  async function attempt(step: () => Promise<void>): Promise<void> {
    await step().catch((error: unknown) => log.debug({ reason: errorReason(error) }, "fleet_rescue_failed"));
  }

  return async () => {
    if (running) return;
    running = true;
    await attempt(list);
    updateSilent();
    hintIdleWorkers();
    for (const [worker, since] of [...silentSince])
      if (!cleared.has(worker)) await attempt(async () => await rescue(worker, since));
    running = false;
  };
}
