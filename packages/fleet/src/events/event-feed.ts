// Receives the records of a gateway's jobs: one consumer for all jobs that it accepted, and one more for each job that it took over.
import { withTimeout, type Clock } from "@waggle/async";
import type { Logger } from "@waggle/telemetry";
import type { FleetConnection } from "../nats/connection.ts";
import type { GatewayProcessId } from "../members/gateway-process.ts";
import { consumeEvents } from "./event-consumer.ts";
import { subjects } from "../nats/names.ts";
import { decode, type EventRecord } from "../queue/records.ts";

/** How long a subscription may take to become active. */
const listenTimeoutMs = 3_000;

/** Gets each record once, in order. Must return at once and must not throw. */
export type RecordListener = (record: EventRecord) => void;

export interface EventFeed {
  /** Subscribes to the future records of a job of this gateway. Returns the function that unsubscribes. */
  subscribe(jobId: string, listener: RecordListener): () => void;
  /** Subscribes to a job of any gateway, from the job's first record. @throws Error when NATS does not answer */
  subscribeFromStart(jobId: string, listener: RecordListener): Promise<() => void>;
  /** Resolves when this gateway's subscription is active. @throws TimeoutError when NATS does not answer */
  listening(): Promise<void>;
  close(): Promise<void>;
}

export function createEventFeed(
  connection: FleetConnection,
  gateway: GatewayProcessId,
  clock: Clock,
  log: Logger,
): EventFeed {
  const listeners = new Map<string, RecordListener>();
  /** Functions that end the subscriptions to jobs of other gateways. */
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
      const listener = listeners.get(subject.slice(subject.lastIndexOf(".") + 1));
      const record = listener === undefined ? undefined : read(data, subject);
      if (record !== undefined) listener?.(record);
    },
    clock,
    log,
  });

  return {
    listening: () => withTimeout(own.listening, listenTimeoutMs, "NATS delivers no events of this gateway"),
    subscribe(jobId, listener) {
      listeners.set(jobId, listener);
      return () => listeners.delete(jobId);
    },
    async subscribeFromStart(jobId, listener) {
      connection.use();
      const consumer = consumeEvents({
        connection,
        filter: subjects.eventsOfJob(jobId),
        from: "start",
        take(subject, data) {
          const record = read(data, subject);
          if (record !== undefined) listener(record);
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
        await withTimeout(consumer.listening, listenTimeoutMs, "NATS delivers no events of the job");
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
