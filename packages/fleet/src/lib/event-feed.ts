// Owns how a gateway hears its jobs: one consumer for all of them, whose records come in order and once, also across a connection that was lost.
import { DeliverPolicy } from "@nats-io/jetstream";
import type { ConsumerMessages } from "@nats-io/jetstream";
import type { Logger } from "@waggle/telemetry";
import type { Connected, FleetConnection } from "./connection.ts";
import { eventsStream, subjects } from "./names.ts";
import { decode, type EventRecord } from "./records.ts";

/** Records that may be on their way to us. */
const windowRecords = 5_000;

/** Hears records in order, each once. Calls return at once and do not throw. */
export interface RecordFollower {
  record(record: EventRecord): void;
}

export interface EventFeed {
  /** Of a job of this gateway, from now on. Returns how to stop. */
  follow(jobId: string, follower: RecordFollower): () => void;
  /** Of any gateway's job, from its beginning on. @throws Error when NATS does not answer */
  followFromStart(jobId: string, follower: RecordFollower): Promise<() => void>;
  /** Resolves when this gateway's records are heard. */
  readonly listening: Promise<void>;
  close(): Promise<void>;
}

export function createEventFeed(connection: FleetConnection, gateway: string, log: Logger): EventFeed {
  const followers = new Map<string, RecordFollower>();
  const open = new Set<ConsumerMessages>();
  let heard: () => void;
  const listening = new Promise<void>((resolve) => (heard = resolve));

  /** The library makes the consumer anew where it has to, after the last record that came. */
  async function consume(
    { js }: Connected,
    filter: string,
    from: DeliverPolicy,
    take: (subject: string, data: Uint8Array) => void,
  ): Promise<ConsumerMessages> {
    const consumer = await js.consumers.get(eventsStream, { filter_subjects: filter, deliver_policy: from });
    const messages = await consumer.consume({
      max_messages: windowRecords,
      callback: (message) => take(message.subject, message.data),
    });
    open.add(messages);
    void messages.closed().then(() => open.delete(messages));
    return messages;
  }

  function read(data: Uint8Array, subject: string): EventRecord | undefined {
    try {
      return decode<EventRecord>(data);
    } catch (error) {
      log.error({ err: error, subject }, "fleet_record_unreadable");
      return undefined;
    }
  }

  const forget = connection.onChange((connected, first) => {
    if (connected === undefined || !first) return;
    consume(connected, subjects.eventsOf(gateway), DeliverPolicy.New, (subject, data) => {
      const follower = followers.get(subject.slice(subject.lastIndexOf(".") + 1));
      const record = follower === undefined ? undefined : read(data, subject);
      if (record !== undefined) follower?.record(record);
    }).then(heard, (error: unknown) => log.error({ err: error }, "fleet_events_unheard"));
  });

  return {
    listening,
    follow(jobId, follower) {
      followers.set(jobId, follower);
      return () => followers.delete(jobId);
    },
    async followFromStart(jobId, follower) {
      const messages = await consume(
        connection.use(),
        subjects.eventsOfJob(jobId),
        DeliverPolicy.All,
        (subject, data) => {
          const record = read(data, subject);
          if (record !== undefined) follower.record(record);
        },
      );
      return () => void messages.close();
    },
    async close() {
      forget();
      await Promise.all([...open].map((messages) => messages.close().catch(() => {})));
    },
  };
}
