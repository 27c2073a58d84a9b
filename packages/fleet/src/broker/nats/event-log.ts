// Implements the log of the jobs' records on a stream of NATS.
import { deferred, type Clock, type Deferred, type TimerHandle } from "@waggle/async";
import { DeliverPolicy, type Consumer, type ConsumerMessages, type JsMsg } from "@nats-io/jetstream";
import { errorReason } from "@waggle/daemon/terminal";
import type { Logger } from "@waggle/telemetry";
import { answerLimitMs, type EventLog, type Following, type StoredEvent } from "../port.ts";
import type { BrokerClock } from "./broker-clock.ts";
import type { Connected, NatsLink } from "./connection.ts";
import { isDenied, isWrongSequence, unavailable } from "./nats-errors.ts";
import { eventsStream } from "./topology.ts";

/** The server sends at most this many records ahead of our acknowledgement. */
const windowRecords = 5_000;
/** Pause after a failed attempt to subscribe. */
const retryDelayMs = 500;
/** Notices of the library that the consumer is gone. */
const lossNotices = new Set(["consumer_deleted", "consumer_not_found", "stream_not_found", "no_responders"]);

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
    timer = clock.setTimeout(() => void messages.close(), answerLimitMs);
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

/** Deletes the consumer now. Otherwise the server would keep it for some minutes. */
function drop(consumer: Consumer | undefined): void {
  void consumer?.delete().catch(() => false);
}

/**
 * Subscribes as soon as there is a connection. The library's reconnect is not enough: if a connection breaks
 * while the server sends records, the server counts the lost records as delivered, and repeats them only after the next record. So each new
 * connection subscribes again, after the last received record.
 */
function follow(
  { link, clock, log }: EventLogOptions,
  consumerOf: (connected: Connected, pattern: string, startSequence: number) => Promise<Consumer>,
  pattern: string,
  from: "start" | "now",
  take: (event: StoredEvent) => void,
): Following {
  let subscribed: Deferred<void> = deferred();
  /** The sequence of the last received record; undefined until we know where to begin. */
  let position: number | undefined = from === "start" ? 0 : undefined;
  /** Counts the subscriptions: records of an earlier subscription are ignored. */
  let generation = 0;
  let current: { readonly consumer: Consumer; readonly messages: ConsumerMessages } | undefined;
  /** An earlier consumer that the server may still have. */
  let stale: Consumer | undefined;
  let retry: TimerHandle | undefined;

  function leave(): void {
    generation += 1;
    retry?.cancel();
    if (subscribed.settled) subscribed = deferred();
    subscribed.promise.catch(() => {});
    if (current === undefined) return;
    void current.messages.close();
    stale = current.consumer;
    current = undefined;
  }

  function begin(): void {
    leave();
    const mine = generation;
    link
      .call("follow the job's records", async (connected) => await subscribe(connected, mine))
      .then(subscribed.resolve, (error: unknown) => {
        if (mine !== generation) return;
        log.warn({ reason: errorReason(error), pattern }, "fleet_events_failed");
        subscribed.reject(unavailable("follow the job's records", error));
        again();
      });
  }

  function again(): void {
    retry?.cancel();
    retry = clock.setTimeout(begin, retryDelayMs);
  }

  async function subscribe(connected: Connected, mine: number): Promise<void> {
    const { state } = await connected.jsm.streams.info(eventsStream);
    // If a server has lost the stream, the sequences of the new stream begin at 1 again.
    position = position === undefined ? state.last_seq : state.last_seq < position ? 0 : position;
    const consumer = await consumerOf(connected, pattern, position + 1);
    if (mine !== generation) return drop(consumer);
    const messages = await consumer.consume({
      max_messages: windowRecords,
      callback(message) {
        if (mine !== generation || (position !== undefined && message.seq <= position)) return;
        position = message.seq;
        take(eventOf(message));
      },
    });
    if (mine !== generation) return void messages.close();
    current = { consumer, messages };
    drop(stale);
    stale = undefined;
    void watchLoss(messages, mine);
    void messages.closed().then(() => lost(mine));
  }

  async function watchLoss(messages: ConsumerMessages, mine: number): Promise<void> {
    for await (const { type } of messages.status()) if (lossNotices.has(type)) return lost(mine);
  }

  function lost(mine: number): void {
    if (mine === generation && link.connected) again();
  }

  /** Ends the subscription, and the waits for it. */
  function end(why: string): void {
    leave();
    subscribed.reject(unavailable("follow the job's records", why));
  }

  const forget = link.onChange((connected) => (connected === undefined ? end("the connection is lost") : begin()));
  return {
    async listening() {
      link.use();
      await subscribed.promise;
    },
    async close() {
      forget();
      const last = current;
      end("the subscription is closed");
      if (link.connected) await last?.consumer.delete().catch(() => {});
    },
  };
}
