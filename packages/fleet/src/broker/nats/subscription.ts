// Keeps a consumer of a stream, over all connections and after the loss of the consumer or the stream.
import { deferred, type Clock, type Deferred, type TimerHandle, inBackground } from "@waggle/async";
import type { Consumer, ConsumerMessages } from "@nats-io/jetstream";
import { errorReason } from "@waggle/daemon/terminal";
import type { Logger } from "@waggle/telemetry";
import type { Following } from "../port.ts";
import type { Connected, NatsLink } from "./connection.ts";
import { unavailable } from "./nats-errors.ts";

const ending = "end a subscription";

/** Pause after a failed attempt to subscribe. */
const retryDelayMs = 500;
/** Interval of the server's signs of life, to consume with. If two are missing, the consumer is lost, and so was the notice of its end. */
export const heartbeatMs = 5_000;
/** Notices of the library that the consumer is gone. */
const lossNotices = new Set([
  "consumer_deleted",
  "consumer_not_found",
  "stream_not_found",
  "no_responders",
  "heartbeats_missed",
]);

export interface SubscriptionOptions {
  readonly link: NatsLink;
  readonly clock: Clock;
  readonly log: Logger;
  /** The action for errors, such as "follow the job's records". */
  readonly what: string;
  /** Makes a consumer and begins to consume. Messages must be ignored once `isCurrent` is false, because another attempt has begun. */
  readonly consume: (connected: Connected, isCurrent: () => boolean) => Promise<Consumed>;
}

export interface Consumed {
  readonly consumer: Consumer;
  readonly messages: ConsumerMessages;
}

/** Deletes the consumer now. Otherwise the server would keep it for some minutes. */
export function drop(consumer: Consumer | undefined): void {
  void consumer?.delete().catch(() => false);
}

/**
 * Subscribes as soon as there is a connection. The library's reconnect is not enough: if a connection breaks
 * while the server sends records, the server counts the lost records as delivered, and repeats them only after the next record. So each new
 * connection subscribes again.
 */
export function keepConsumer({ link, clock, log, what, consume }: SubscriptionOptions): Following {
  let subscribed: Deferred<void> = deferred();
  /** Counts the attempts. */
  let generation = 0;
  let current: Consumed | undefined;
  /** An earlier consumer that the server may still have. */
  let stale: Consumer | undefined;
  let retry: TimerHandle | undefined;

  function leave(): void {
    generation += 1;
    retry?.cancel();
    if (subscribed.settled) subscribed = deferred();
    subscribed.promise.catch(() => {});
    if (current === undefined) return;
    inBackground(ending, current.messages.close());
    stale = current.consumer;
    current = undefined;
  }

  function begin(): void {
    leave();
    const mine = generation;
    link
      .call(what, async (connected) => await attempt(connected, mine))
      .then(subscribed.resolve, (error: unknown) => {
        if (mine !== generation) return;
        log.warn({ reason: errorReason(error), what }, "nats_subscription_failed");
        subscribed.reject(unavailable(what, error));
        again();
      });
  }

  function again(): void {
    retry?.cancel();
    retry = clock.setTimeout(begin, retryDelayMs);
  }

  async function attempt(connected: Connected, mine: number): Promise<void> {
    const consumed = await consume(connected, () => mine === generation);
    if (mine !== generation) {
      inBackground(ending, consumed.messages.close());
      return drop(consumed.consumer);
    }
    current = consumed;
    drop(stale);
    stale = undefined;
    inBackground("watch a subscription", watchLoss(consumed.messages, mine));
    const done = consumed.messages.closed().then(() => lost(mine));
    inBackground("begin a subscription again", done);
  }

  async function watchLoss(messages: ConsumerMessages, mine: number): Promise<void> {
    for await (const { type } of messages.status()) if (lossNotices.has(type)) return lost(mine);
  }

  /** Ends the attempt at once: the library would make a consumer of a new stream that begins after the last sequence of the old one. */
  function lost(mine: number): void {
    if (mine !== generation || !link.connected) return;
    leave();
    again();
  }

  /** Ends the subscription, and the waits for it. */
  function end(why: string): void {
    leave();
    subscribed.reject(unavailable(what, why));
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
