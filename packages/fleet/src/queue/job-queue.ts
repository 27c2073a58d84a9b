// Owns the work queue: gateways publish jobs, and workers take jobs, keep them and give them back.
import { WaggleError } from "@waggle/protocol";
import { queues, topics } from "../broker/names.ts";
import type { Broker, Delivery } from "../broker/port.ts";
import { requireFit } from "../broker/sizes.ts";
import { decodeOwn, encodeOffThread, queueOf, type FleetJob, type JobQueue } from "./records.ts";

/** Seconds until a client may retry what the full queue refused. */
const retryAfterS = 2;
/** Delay before the queue gives a job of another version to a worker again. */
const notOurVersionMs = 10_000;
/** A job that no worker can read is deleted after this many deliveries. */
const mostUnread = 360;

export interface PublishTo {
  /** The id of the worker that keeps a slot for the job; by default any worker may take it. */
  readonly at?: string | undefined;
  /** How often the job was lost from the queue and published again. */
  readonly again?: number;
}

/** Resolves when the job is on disk. @throws WaggleError resource_exhausted, payload_too_large, unavailable */
export async function publishJob(broker: Broker, job: FleetJob, { at, again = 0 }: PublishTo = {}): Promise<void> {
  await put(broker, job, at, again === 0 ? job.id : `${job.id}:${again}`);
}

/**
 * Moves a job for one worker to the common queue. If several members do this at once, the queue gets the job only once.
 * @throws WaggleError as `publishJob`
 */
export async function shareJob(broker: Broker, job: FleetJob): Promise<void> {
  await put(broker, job, undefined, `${job.id}:shared`);
}

async function put(broker: Broker, job: FleetJob, at: string | undefined, messageId: string): Promise<void> {
  const data = await encodeOffThread(job);
  requireFit(broker, data, "hand the job to the fleet");
  const { model, id } = job;
  const topic = at === undefined ? topics.job(model, queueOf(job), id) : topics.jobAt(model, at, id);
  if ((await broker.jobs.put(topic, data, messageId)) === "full") {
    throw new WaggleError("resource_exhausted", "Cannot accept the job: the fleet's queue is full.", { retryAfterS });
  }
  broker.messages.send(at === undefined ? topics.hint(model) : topics.hintAt(at));
}

/** Whether the queue has the job for one worker (`reserved`) or for any (`queued`). @throws WaggleError unavailable */
export async function placeInQueue({ jobs }: Broker, job: FleetJob): Promise<"reserved" | "queued" | undefined> {
  const { model, id } = job;
  // A job that moves enters the common queue before it leaves the worker's.
  if (await jobs.has(topics.jobAt(model, undefined, id))) return "reserved";
  return (await jobs.has(topics.job(model, queueOf(job), id))) ? "queued" : undefined;
}

export async function openQueue({ jobs }: Broker, model: string, queue: JobQueue): Promise<void> {
  await jobs.open(queues.of(model, queue), topics.jobsOf(model, queue));
}

/** A job of this worker, until the worker gives the job back or sends no `working` for five seconds. */
export interface TakenJob extends Pick<Delivery, "working" | "done"> {
  readonly job: FleetJob;
  /** Returns the job to the queue. Any worker may take it after this time. */
  giveBack(afterMs?: number): void;
}

/** Takes the next job of this queue, if there is one. @throws WaggleError unavailable, also without such a queue */
export async function takeJob({ jobs }: Broker, queue: string): Promise<TakenJob | undefined> {
  for (;;) {
    const delivery = await jobs.take(queue);
    if (delivery === undefined) return undefined;
    const { working, done, giveBack } = delivery;
    const job = decodeOwn<FleetJob>(delivery.data);
    if (job !== undefined) return { job, working, done, giveBack: (afterMs = 0) => giveBack(afterMs) };
    // A worker of another version may be able to read the job. This worker gives the job back and continues with the next one.
    if (delivery.deliveries >= mostUnread) delivery.drop();
    else giveBack(notOurVersionMs);
  }
}
