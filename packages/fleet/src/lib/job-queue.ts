// Owns the work queue: how a gateway puts a job into it, and how a worker takes one, keeps it and gives it up.
import { createInbox } from "@nats-io/transport-node";
import type { Msg, NatsConnection } from "@nats-io/transport-node";
import { WaggleError } from "@waggle/protocol";
import type { Connected } from "./connection.ts";
import { isStreamFull, unavailable } from "./nats-errors.ts";
import { jobsStream, subjects } from "./names.ts";
import { requireFit } from "./payload.ts";
import { classOf, decode, encode, fleetVersion, type FleetJob } from "./records.ts";
import { say } from "./say.ts";

/** How long NATS may take to answer. */
const answerTimeoutMs = 3_000;
/** Before a job that another version has written is looked at again. */
const notOurVersionMs = 10_000;
/** Times that a job is looked at which nobody can read; then it is thrown away. */
const mostUnread = 360;
const nanosPerMs = 1_000_000;
/** How soon a client may ask again when the queue is full. */
const retryAfterS = 2;

/**
 * Resolves when the job is on disk.
 * @param at a worker that keeps a slot for it
 * @throws WaggleError resource_exhausted, payload_too_large, unavailable
 */
export async function publishJob(connected: Connected, job: FleetJob, at?: string): Promise<void> {
  await put(connected, job, at, job.id);
}

/**
 * Puts a job that was for one worker into the queue from which all take, whoever finds first that this has to be: they do it once together.
 * @throws WaggleError as `publishJob`
 */
export async function shareJob(connected: Connected, job: FleetJob): Promise<void> {
  await put(connected, job, undefined, `${job.id}:shared`);
}

/** @param messageId two messages with the same one within two minutes are one */
async function put({ nc, js }: Connected, job: FleetJob, at: string | undefined, messageId: string): Promise<void> {
  const data = encode(job);
  requireFit(nc, data, "hand the job to the fleet");
  const { model, spec, id } = job;
  const subject = at === undefined ? subjects.job(model, classOf(spec.priority), id) : subjects.jobAt(model, at, id);
  try {
    await js.publish(subject, data, { msgID: messageId, timeout: answerTimeoutMs });
  } catch (error) {
    if (!isStreamFull(error)) throw unavailable("put the job into the fleet's queue", error);
    throw new WaggleError("resource_exhausted", `Cannot accept the job: the fleet's queue is full.`, {
      retryAfterS,
      cause: error,
    });
  }
  say(nc, at === undefined ? subjects.hint(model) : subjects.hintAt(at));
}

/** A job that this worker has until it says otherwise, or falls silent for five seconds. */
export interface TakenJob {
  readonly job: FleetJob;
  /** Keeps it for another five seconds. */
  working(): void;
  /** It is over; resolves when NATS knows. Never throws: what is not acknowledged comes again, and is found to have ended. */
  done(): Promise<void>;
  /** Somebody else may have it, after so long. */
  giveBack(afterMs?: number): void;
}

/** Takes the next job of this consumer, if there is one. @throws Error when NATS does not answer, as where there is no such consumer */
export async function takeJob({ nc }: Pick<Connected, "nc">, consumer: string): Promise<TakenJob | undefined> {
  for (;;) {
    const message = await pull(nc, consumer);
    if (message?.reply === undefined) return undefined;
    const job = jobIn(message.data);
    if (job !== undefined) return taken(nc, message.reply, job);
    // What we cannot read a newer worker may. What lies behind it is not to wait for that.
    const tooOften = deliveriesOf(message.reply) >= mostUnread;
    say(nc, message.reply, tooOften ? "+TERM" : nak(notOurVersionMs));
  }
}

/** Undefined: no member of a fleet of this version has written it. */
function jobIn(data: Uint8Array): FleetJob | undefined {
  try {
    const job = decode<FleetJob | null>(data);
    return job?.version === fleetVersion ? job : undefined;
  } catch {
    return undefined;
  }
}

function nak(afterMs: number): string {
  return afterMs === 0 ? "-NAK" : `-NAK ${JSON.stringify({ delay: Math.round(afterMs * nanosPerMs) })}`;
}

function taken(nc: NatsConnection, reply: string, job: FleetJob): TakenJob {
  return {
    job,
    working: () => say(nc, reply, "+WPI"),
    async done() {
      await nc.request(reply, "+ACK", { timeout: answerTimeoutMs }).catch(() => {});
    },
    giveBack: (afterMs = 0) => say(nc, reply, nak(afterMs)),
  };
}

/** One message that is there already. The library knows only pulls that wait. */
async function pull(nc: NatsConnection, consumer: string): Promise<Msg | undefined> {
  const reply = createInbox();
  const message = await new Promise<Msg>((resolve, reject) => {
    const subscription = nc.subscribe(reply, {
      max: 1,
      timeout: answerTimeoutMs,
      callback(error, answer) {
        if (error === null) return resolve(answer);
        // The library ends the wait, and goes on listening.
        subscription.unsubscribe();
        reject(error);
      },
    });
    nc.publish(`$JS.API.CONSUMER.MSG.NEXT.${jobsStream}.${consumer}`, JSON.stringify({ batch: 1, no_wait: true }), {
      reply,
    });
  });
  // Without a job comes a status: there is none, or too many ask.
  return message.headers?.code ? undefined : message;
}

/** `$JS.ACK.<stream>.<consumer>.<deliveries>.…`, or with a domain and an account before the stream. */
function deliveriesOf(reply: string): number {
  const parts = reply.split(".");
  return Number(parts.length < 11 ? parts[4] : parts[6]);
}
