// Owns the work queue: gateways publish jobs, and workers take jobs, keep them and give them back.
import { createInbox } from "@nats-io/transport-node";
import type { Msg, NatsConnection } from "@nats-io/transport-node";
import { WaggleError } from "@waggle/protocol";
import { fireAndForget, requireFit } from "../nats/publish.ts";
import type { Connected } from "../nats/connection.ts";
import { isStreamFull, natsRetryAfterS, unavailable } from "../nats/nats-errors.ts";
import { jobsStream, subjects } from "../nats/names.ts";
import { decodeOwn, encode, queueOf, type FleetJob } from "./records.ts";

/** How long NATS may take to answer. */
const answerTimeoutMs = 3_000;
/** Delay before NATS delivers a job of another version again. */
const notOurVersionMs = 10_000;
/** A job that no worker can read is deleted after this many deliveries. */
const mostUnread = 360;
const nanosPerMs = 1_000_000;

/**
 * Resolves when the job is on disk.
 * @param at the id of the worker that keeps a slot for the job; by default any worker may take it
 * @throws WaggleError resource_exhausted, payload_too_large, unavailable
 */
export async function publishJob(connected: Connected, job: FleetJob, at?: string): Promise<void> {
  await put(connected, job, at, job.id);
}

/**
 * Moves a job for one worker to the common queue. If several members do this at once, the queue gets the job only once.
 * @throws WaggleError as `publishJob`
 */
export async function shareJob(connected: Connected, job: FleetJob): Promise<void> {
  await put(connected, job, undefined, `${job.id}:shared`);
}

/** @param messageId NATS drops a second message with the same id within two minutes */
async function put({ nc, js }: Connected, job: FleetJob, at: string | undefined, messageId: string): Promise<void> {
  const data = encode(job);
  requireFit(nc, data, "hand the job to the fleet");
  const { model, id } = job;
  const subject = at === undefined ? subjects.job(model, queueOf(job), id) : subjects.jobAt(model, at, id);
  try {
    await js.publish(subject, data, { msgID: messageId, timeout: answerTimeoutMs });
  } catch (error) {
    if (!isStreamFull(error)) throw unavailable("put the job into the fleet's queue", error);
    throw new WaggleError("resource_exhausted", `Cannot accept the job: the fleet's queue is full.`, {
      retryAfterS: natsRetryAfterS,
      cause: error,
    });
  }
  fireAndForget(nc, at === undefined ? subjects.hint(model) : subjects.hintAt(at));
}

/** A job of this worker, until the worker gives the job back or sends no `working` for five seconds. */
export interface TakenJob {
  readonly job: FleetJob;
  /** Keeps the job for another five seconds. */
  working(): void;
  /** Acknowledges the job's end. Never throws: after a failure NATS delivers the job again, and the job's records show its end. */
  done(): Promise<void>;
  /** Returns the job to the queue. Any worker may take it after this time. */
  giveBack(afterMs?: number): void;
}

/** Takes the next job of this consumer, if there is one. @throws Error when NATS does not answer, also without such a consumer */
export async function takeJob({ nc }: Pick<Connected, "nc">, consumer: string): Promise<TakenJob | undefined> {
  for (;;) {
    const message = await pull(nc, consumer);
    if (message?.reply === undefined) return undefined;
    const job = decodeOwn<FleetJob>(message.data);
    if (job !== undefined) return taken(nc, message.reply, job);
    // A worker of another version may be able to read the job. This worker gives the job back and continues with the next one.
    const tooOften = deliveriesOf(message.reply) >= mostUnread;
    fireAndForget(nc, message.reply, tooOften ? "+TERM" : nak(notOurVersionMs));
  }
}

function nak(afterMs: number): string {
  return afterMs === 0 ? "-NAK" : `-NAK ${JSON.stringify({ delay: Math.round(afterMs * nanosPerMs) })}`;
}

function taken(nc: NatsConnection, reply: string, job: FleetJob): TakenJob {
  return {
    job,
    working: () => fireAndForget(nc, reply, "+WPI"),
    async done() {
      await nc.request(reply, "+ACK", { timeout: answerTimeoutMs }).catch(() => {});
    },
    giveBack: (afterMs = 0) => fireAndForget(nc, reply, nak(afterMs)),
  };
}

/** Pulls one message without waiting: undefined if the queue is empty. Written here because the library has only pulls that wait. */
async function pull(nc: NatsConnection, consumer: string): Promise<Msg | undefined> {
  const reply = createInbox();
  const message = await new Promise<Msg>((resolve, reject) => {
    const subscription = nc.subscribe(reply, {
      max: 1,
      timeout: answerTimeoutMs,
      callback(error, answer) {
        if (error === null) return resolve(answer);
        // After an error the library ends the wait but keeps the subscription.
        subscription.unsubscribe();
        reject(error);
      },
    });
    nc.publish(`$JS.API.CONSUMER.MSG.NEXT.${jobsStream}.${consumer}`, JSON.stringify({ batch: 1, no_wait: true }), {
      reply,
    });
  });
  // A message with a status code has no job: the queue is empty, or too many pulls wait.
  return message.headers?.code ? undefined : message;
}

/** Reads the count from `$JS.ACK.<stream>.<consumer>.<deliveries>.…`; newer servers put a domain and an account hash before the stream. */
function deliveriesOf(reply: string): number {
  const parts = reply.split(".");
  return Number(parts.length < 11 ? parts[4] : parts[6]);
}
