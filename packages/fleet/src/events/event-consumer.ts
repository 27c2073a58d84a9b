// Owns a subscription to the events stream. It delivers each record once and in order, also after a connection, a server or a consumer is lost.
import { deferred, type TimerHandle } from "@waggle/async";
import { DeliverPolicy, type Consumer, type ConsumerMessages, type JetStreamManager } from "@nats-io/jetstream";
import { errorReason } from "@waggle/daemon/terminal";
import type { Connected, MemberContext } from "../nats/connection.ts";
import { eventsStream } from "../nats/names.ts";

/** The server sends at most this many records ahead of our acknowledgement. */
const windowRecords = 5_000;
/** Pause after a failed attempt to subscribe. */
const retryDelayMs = 500;

export interface EventConsumerOptions extends MemberContext {
  /** The subjects to subscribe to. */
  readonly filter: string;
  /** `start` begins with the first stored record, `now` delivers only new records. */
  readonly from: "start" | "now";
  /** Called for each record. The function must return at once and must not throw. */
  readonly take: (subject: string, data: Uint8Array) => void;
}

export interface EventConsumer {
  /** Resolves when the first subscription is active. */
  readonly listening: Promise<void>;
  close(): Promise<void>;
}

/**
 * Subscribes as soon as there is a connection. The library's reconnect is not enough: if a connection breaks
 * while the server sends records, the server counts the lost records as delivered, and repeats them only after the next record. So each new
 * connection subscribes again, after the last received record.
 */
export function consumeEvents(options: EventConsumerOptions): EventConsumer {
  const { connection, filter, take, clock, log } = options;
  const subscribed = deferred<void>();
  /** The stream sequence of the last received record; undefined until we know where to begin. */
  let position: number | undefined = options.from === "start" ? 0 : undefined;
  /** Counts the subscriptions: records of an earlier subscription are ignored. */
  let generation = 0;
  let current: { readonly consumer: Consumer; readonly messages: ConsumerMessages } | undefined;
  /** An earlier consumer that the server may still have. */
  let stale: Consumer | undefined;
  let retry: TimerHandle | undefined;

  function leave(): void {
    generation += 1;
    retry?.cancel();
    if (current !== undefined) {
      void current.messages.close();
      stale = current.consumer;
    }
    current = undefined;
  }

  function begin(connected: Connected): void {
    leave();
    const mine = generation;
    consume(connected, mine).then(subscribed.resolve, (error: unknown) => {
      if (mine !== generation) return;
      log.warn({ reason: errorReason(error), filter }, "fleet_events_failed");
      again(connected);
    });
  }

  function again(connected: Connected): void {
    retry = clock.setTimeout(() => begin(connected), retryDelayMs);
  }

  async function consume({ js, jsm }: Connected, mine: number): Promise<void> {
    position = await startOf(jsm, position);
    const consumer = await js.consumers.get(eventsStream, {
      filter_subjects: filter,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: position + 1,
    });
    if (mine !== generation) return drop(consumer);
    const messages = await consumer.consume({
      max_messages: windowRecords,
      callback({ seq, subject, data }) {
        if (mine !== generation || (position !== undefined && seq <= position)) return;
        position = seq;
        take(subject, data);
      },
    });
    if (mine !== generation) return void messages.close();
    current = { consumer, messages };
    drop(stale);
    stale = undefined;
    void messages.closed().then(() => {
      if (mine === generation && connection.connected) again(connection.use());
    });
  }

  const forget = connection.onChange((connected) => {
    if (connected === undefined) leave();
    else begin(connected);
  });

  return {
    listening: subscribed.promise,
    async close() {
      forget();
      const last = current;
      leave();
      if (connection.connected) await last?.consumer.delete().catch(() => {});
    },
  };
}

/** Deletes the consumer now. Otherwise the server would keep it for some minutes. */
function drop(consumer: Consumer | undefined): void {
  void consumer?.delete().catch(() => false);
}

/** Returns the sequence after which to begin. If a server has lost the stream, the sequences of the new stream begin at 1 again. */
async function startOf(jsm: JetStreamManager, position: number | undefined): Promise<number> {
  const { state } = await jsm.streams.info(eventsStream);
  if (position === undefined) return state.last_seq;
  return state.last_seq < position ? 0 : position;
}
