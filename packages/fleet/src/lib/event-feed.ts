// Owns how a gateway hears its jobs: one consumer for all of them, and one for each job that another gateway has begun.
import { withTimeout, type Clock } from "@waggle/async";
import type { Logger } from "@waggle/telemetry";
import type { FleetConnection } from "./connection.ts";
import { consumeEvents } from "./event-consumer.ts";
import { subjects } from "./names.ts";
import { decode, type EventRecord } from "./records.ts";

/** How long it may take until we hear. */
const listenTimeoutMs = 3_000;

/** Hears records in order, each once. Calls return at once and do not throw. */
export interface RecordFollower {
  record(record: EventRecord): void;
}

export interface EventFeed {
  /** Of a job of this gateway, from now on. Returns how to stop. */
  follow(jobId: string, follower: RecordFollower): () => void;
  /** Of any gateway's job, from its beginning on. @throws Error when NATS does not answer */
  followFromStart(jobId: string, follower: RecordFollower): Promise<() => void>;
  /** Resolves when this gateway's records are heard. @throws TimeoutError when NATS does not answer */
  listening(): Promise<void>;
  close(): Promise<void>;
}

export function createEventFeed(connection: FleetConnection, gateway: string, clock: Clock, log: Logger): EventFeed {
  const followers = new Map<string, RecordFollower>();
  /** Of jobs of other gateways. */
  const others = new Set<() => Promise<void>>();

  function read(data: Uint8Array, subject: string): EventRecord | undefined {
    try {
      return decode<EventRecord>(data);
    } catch (error) {
      log.error({ err: error, subject }, "fleet_record_unreadable");
      return undefined;
    }
  }

  const own = consumeEvents({
    connection,
    filter: subjects.eventsOf(gateway),
    from: "now",
    take(subject, data) {
      const follower = followers.get(subject.slice(subject.lastIndexOf(".") + 1));
      const record = follower === undefined ? undefined : read(data, subject);
      if (record !== undefined) follower?.record(record);
    },
    clock,
    log,
  });

  return {
    listening: () => withTimeout(own.listening, listenTimeoutMs, "The gateway's own events cannot be heard"),
    follow(jobId, follower) {
      followers.set(jobId, follower);
      return () => followers.delete(jobId);
    },
    async followFromStart(jobId, follower) {
      connection.use();
      const consumer = consumeEvents({
        connection,
        filter: subjects.eventsOfJob(jobId),
        from: "start",
        take(subject, data) {
          const record = read(data, subject);
          if (record !== undefined) follower.record(record);
        },
        clock,
        log,
      });
      const stop = async (): Promise<void> => {
        others.delete(stop);
        await consumer.close();
      };
      others.add(stop);
      try {
        await withTimeout(consumer.listening, listenTimeoutMs, "The job's events cannot be heard");
      } catch (error) {
        await stop();
        throw error;
      }
      return () => void stop();
    },
    async close() {
      await Promise.all([own.close(), ...[...others].map((stop) => stop())]);
    },
  };
}
