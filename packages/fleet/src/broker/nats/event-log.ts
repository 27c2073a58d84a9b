// Implements the log of the jobs' records on a stream of NATS.
import { inBackground } from "@waggle/async";
import type { Clock, TimerHandle } from "@waggle/async";
import { DeliverPolicy, type Consumer, type ConsumerMessages, type JsMsg } from "@nats-io/jetstream";
import type { Logger } from "@waggle/telemetry";
import { answerLimitMs, type EventLog, type Following, type StoredEvent } from "../port.ts";
import type { BrokerClock } from "./broker-clock.ts";
import type { Connected, NatsLink } from "./connection.ts";
import { isDenied, isWrongSequence } from "./nats-errors.ts";
import { drop, heartbeatMs, keepConsumer, type Consumed } from "./subscription.ts";
import { eventsStream } from "./topology.ts";

/** The server sends at most this many records ahead of our acknowledgement. */
const windowRecords = 5_000;

interface EventLogOptions {
  readonly link: NatsLink;
  readonly brokerClock: BrokerClock;
  readonly clock: Clock;
  readonly log: Logger;
}

export function createEventLog(options: EventLogOptions): EventLog {
  const { link, clock } = options;
  const { call } = link;

  async function consumerOf({ js }: Connected, pattern: string, startSequence?: number): Promise<Consumer> {
    const sentAt = clock.now();
    const consumer = await js.consumers.get(eventsStream, {
      filter_subjects: pattern,
      ...(startSequence === undefined
        ? {}
        : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: startSequence }),
    });
    const { created } = await consumer.info(true);
    options.brokerClock.add(Date.parse(String(created)), sentAt);
    return consumer;
  }

  async function last(topic: string): Promise<StoredEvent | undefined> {
    return await call("read the job's records", async ({ jsm }) => {
      const found = await jsm.streams.getMessage(eventsStream, { last_by_subj: topic });
      if (found === null) return undefined;
      return { topic, sequence: found.seq, data: found.data, at: found.time.getTime() };
    });
  }

  return {
    append: async (topic, data, after) =>
      await call("write the job's records", async ({ js }) => {
        try {
          return { sequence: (await js.publish(topic, data, { expect: { lastSubjectSequence: after } })).seq };
        } catch (error) {
          if (isWrongSequence(error)) return "moved";
          if (isDenied(error)) return "denied";
          throw error;
        }
      }),
    last,
    async read(topic) {
      const end = await last(topic);
      if (end === undefined) return [];
      return await call("read the job's records", async (connected) => {
        const consumer = await consumerOf(connected, topic);
        const messages = await consumer.consume({ max_messages: 1_000 });
        return await readTo(end.sequence, consumer, messages, clock);
      });
    },
    follow: (pattern, from, take) => follow(options, consumerOf, pattern, from, take),
    trim: async (pattern) =>
      await call("delete the job's records", async ({ jsm }) => {
        await jsm.streams.purge(eventsStream, { filter: pattern, keep: 1 });
      }),
  };
}

/** Reads up to a record. The limit is for each answer of NATS, so a long job has enough time. */
async function readTo(
  sequence: number,
  consumer: Consumer,
  messages: ConsumerMessages,
  clock: Clock,
): Promise<readonly StoredEvent[]> {
  const found: StoredEvent[] = [];
  let timer: TimerHandle | undefined;
  const wait = (): void => {
    timer?.cancel();
    timer = clock.setTimeout(() => inBackground("end a reading", messages.close()), answerLimitMs);
  };
  wait();
  try {
    for await (const message of messages) {
      wait();
      found.push(eventOf(message));
      if (message.seq >= sequence) return found;
    }
  } finally {
    timer?.cancel();
    drop(consumer);
  }
  throw new Error("NATS did not deliver the job's records in time");
}

function eventOf({ seq, subject, data, timestampNanos }: JsMsg): StoredEvent {
  return { topic: subject, sequence: seq, data, at: Number(timestampNanos / 1_000_000n) };
}

/** Begins after the last received record, also with a new consumer. */
function follow(
  options: EventLogOptions,
  consumerOf: (connected: Connected, pattern: string, startSequence: number) => Promise<Consumer>,
  pattern: string,
  from: "start" | "now",
  take: (event: StoredEvent) => void,
): Following {
  /** The sequence of the last received record; undefined until we know where to begin. */
  let position: number | undefined = from === "start" ? 0 : undefined;
  /** When the stream of this position was created. */
  let origin: string | undefined;

  async function consume(connected: Connected, isCurrent: () => boolean): Promise<Consumed> {
    const { state, created } = await connected.jsm.streams.info(eventsStream);
    if (isCurrent()) {
      // In a new stream the sequences begin at 1 again. A server that was killed may have lost the last records, and gives their sequences again.
      const isNew = origin !== undefined && origin !== created;
      position = isNew ? 0 : Math.min(position ?? Infinity, state.last_seq);
      origin = created;
    }
    const consumer = await consumerOf(connected, pattern, (position ?? 0) + 1);
    const messages = await consumer.consume({
      max_messages: windowRecords,
      idle_heartbeat: heartbeatMs,
      callback(message) {
        if (!isCurrent() || message.seq <= (position ?? 0)) return;
        position = message.seq;
        take(eventOf(message));
      },
    });
    return { consumer, messages };
  }

  return keepConsumer({ ...options, what: "follow the job's records", consume });
}
