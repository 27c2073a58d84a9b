// Implements the queue of jobs on a stream of NATS, with a durable consumer for each queue.
import { createInbox } from "@nats-io/transport-node";
import type { Msg, NatsConnection } from "@nats-io/transport-node";
import type { Delivery, WorkQueue } from "../port.ts";
import { answerLimitMs } from "../port.ts";
import type { NatsLink } from "./connection.ts";
import { isConsumerMissing, isStreamFull } from "./nats-errors.ts";
import { send } from "./messages.ts";
import { ensureConsumer, jobsStream } from "./topology.ts";

const nanosPerMs = 1_000_000;
/** Status of an answer to a pull: no one answers it, because there is no such consumer. */
const noResponders = 503;

export function createWorkQueue({ call }: Pick<NatsLink, "call">): WorkQueue {
  return {
    put: async (topic, data, id) =>
      await call("put the job into the fleet's queue", async ({ js }) => {
        try {
          await js.publish(topic, data, { msgID: id });
          return "stored";
        } catch (error) {
          if (isStreamFull(error)) return "full";
          throw error;
        }
      }),
    has: async (pattern) =>
      await call("look for the job in the fleet's queue", async ({ jsm }) => {
        return (await jsm.streams.getMessage(jobsStream, { last_by_subj: pattern })) !== null;
      }),
    open: async (queue, pattern) =>
      await call("open a queue of the fleet", async ({ jsm }) => await ensureConsumer(jsm, queue, pattern)),
    take: async (queue) =>
      await call("take a job from the fleet's queue", async ({ nc, inboxPrefix }) => {
        const message = await pull(nc, queue, createInbox(inboxPrefix));
        return message?.reply === undefined ? undefined : delivered(nc, message.reply, message.data);
      }),
    list: async () =>
      await call("list the fleet's queues", async ({ jsm }) => {
        const names: string[] = [];
        for await (const { name } of jsm.consumers.list(jobsStream)) names.push(name);
        return names;
      }),
    sizeOf: async (queue) =>
      await call("look for a queue of the fleet", async ({ jsm }) => {
        try {
          const info = await jsm.consumers.info(jobsStream, queue);
          return { waiting: info.num_pending, taken: info.num_ack_pending };
        } catch (error) {
          if (isConsumerMissing(error)) return undefined;
          throw error;
        }
      }),
    remove: async (queue) =>
      await call(
        "remove a queue of the fleet",
        async ({ jsm }) => void (await jsm.consumers.delete(jobsStream, queue)),
      ),
  };
}

function delivered(nc: NatsConnection, reply: string, data: Uint8Array): Delivery {
  return {
    data,
    deliveries: deliveriesOf(reply),
    working: () => send(nc, reply, "+WPI"),
    async done() {
      await nc.request(reply, "+ACK", { timeout: answerLimitMs }).catch(() => {});
    },
    giveBack: (afterMs) =>
      send(nc, reply, afterMs === 0 ? "-NAK" : `-NAK ${JSON.stringify({ delay: Math.round(afterMs * nanosPerMs) })}`),
    drop: () => send(nc, reply, "+TERM"),
  };
}

/** Pulls one message without waiting: undefined if the queue is empty. Written here because the library has only pulls that wait. */
async function pull(nc: NatsConnection, consumer: string, reply: string): Promise<Msg | undefined> {
  const message = await new Promise<Msg>((resolve, reject) => {
    const subscription = nc.subscribe(reply, {
      max: 1,
      timeout: answerLimitMs,
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
  if (message.headers?.code === noResponders) throw new Error("the queue does not exist");
  // A message with another status code has no job: the queue is empty, or too many pulls wait.
  return message.headers?.code ? undefined : message;
}

/** Reads the count from `$JS.ACK.<stream>.<consumer>.<deliveries>.…`; newer servers put a domain and an account hash before the stream. */
function deliveriesOf(reply: string): number {
  const parts = reply.split(".");
  return Number(parts.length < 11 ? parts[4] : parts[6]);
}
