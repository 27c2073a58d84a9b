// Receives the records of a gateway's jobs: one subscription for all jobs that it accepted, and one more for each job that it took over.
import { inBackground } from "@waggle/async";
import type { MemberContext } from "../broker/member-context.ts";
import { topics } from "../broker/names.ts";
import type { StoredEvent } from "../broker/port.ts";
import type { GatewayProcessId } from "../members/gateway-process.ts";
import { decode, type EventRecord } from "../queue/records.ts";

/** Gets each record once, in order. Must return at once and must not throw. */
export type RecordListener = (record: EventRecord) => void;

export interface EventFeed {
  /** Subscribes to the future records of a job of this gateway. Returns the function that unsubscribes. */
  subscribe(jobId: string, listener: RecordListener): () => void;
  /** Subscribes to a job of any gateway, from the job's first record. @throws WaggleError unavailable */
  subscribeFromStart(jobId: string, listener: RecordListener): Promise<() => void>;
  /** Resolves when this gateway's subscription is active. @throws WaggleError unavailable */
  listening(): Promise<void>;
  close(): Promise<void>;
}

export function createEventFeed(
  { broker, log }: Pick<MemberContext, "broker" | "log">,
  gateway: GatewayProcessId,
): EventFeed {
  const listeners = new Map<string, RecordListener>();
  /** Functions that end the subscriptions to jobs of other gateways. */
  const others = new Set<() => Promise<void>>();

  function read({ data, topic }: StoredEvent): EventRecord | undefined {
    try {
      return decode<EventRecord>(data);
    } catch (error) {
      log.error({ err: error, topic }, "fleet_record_unreadable");
      return undefined;
    }
  }

  const own = broker.events.follow(topics.eventsOf(gateway), "now", (event) => {
    const listener = listeners.get(event.topic.slice(event.topic.lastIndexOf(".") + 1));
    const record = listener === undefined ? undefined : read(event);
    if (record !== undefined) listener?.(record);
  });

  return {
    listening: own.listening,
    subscribe(jobId, listener) {
      listeners.set(jobId, listener);
      return () => listeners.delete(jobId);
    },
    async subscribeFromStart(jobId, listener) {
      const following = broker.events.follow(topics.eventsOfJob(jobId), "start", (event) => {
        const record = read(event);
        if (record !== undefined) listener(record);
      });
      const stop = async (): Promise<void> => {
        others.delete(stop);
        await following.close();
      };
      others.add(stop);
      try {
        await following.listening();
      } catch (error) {
        await stop();
        throw error;
      }
      return () => inBackground("end a subscription", stop());
    },
    async close() {
      await Promise.all([own.close(), ...[...others].map((stop) => stop())]);
    },
  };
}
