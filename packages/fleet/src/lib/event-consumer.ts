// Owns hearing records of the events stream: in order and each once, also across a connection, a server or a consumer that was lost meanwhile.
import { deferred, type Clock, type TimerHandle } from "@waggle/async";
import { DeliverPolicy, type Consumer, type ConsumerMessages, type JetStreamManager } from "@nats-io/jetstream";
import type { Logger } from "@waggle/telemetry";
import type { Connected, FleetConnection } from "./connection.ts";
import { eventsStream } from "./names.ts";

/** Records that may be on their way to us. */
const windowRecords = 5_000;
/** Before the next attempt where NATS does not let us listen. */
const retryDelayMs = 500;

export interface EventConsumerOptions {
  readonly connection: FleetConnection;
  /** The subjects to hear. */
  readonly filter: string;
  /** From the first record that is kept, or what comes from now on. */
  readonly from: "start" | "now";
  /** Returns at once and does not throw. */
  readonly take: (subject: string, data: Uint8Array) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface EventConsumer {
  /** Resolves when it hears for the first time. */
  readonly listening: Promise<void>;
  close(): Promise<void>;
}

/**
 * Begins at once, or when there is a connection. The library's own way back is not enough: what the server has sent into a connection that
 * was breaking counts as delivered, and nobody asks for it again before the next record comes. So each coming begins after the last record
 * that was heard.
 */
export function consumeEvents(options: EventConsumerOptions): EventConsumer {
  const { connection, filter, take, clock, log } = options;
  const heard = deferred<void>();
  /** Of the last record that was taken, in the stream; undefined before it is known where to begin. */
  let position: number | undefined = options.from === "start" ? 0 : undefined;
  /** Counts the beginnings: what is left of an earlier one is not listened to. */
  let generation = 0;
  let current: { readonly consumer: Consumer; readonly messages: ConsumerMessages } | undefined;
  /** One that the server may still have. */
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
    consume(connected, mine).then(heard.resolve, (error: unknown) => {
      if (mine !== generation) return;
      log.warn({ err: error, filter }, "fleet_events_unheard");
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
    listening: heard.promise,
    async close() {
      forget();
      const last = current;
      leave();
      if (connection.connected) await last?.consumer.delete().catch(() => {});
    },
  };
}

/** It would go by itself, after minutes. */
function drop(consumer: Consumer | undefined): void {
  void consumer?.delete().catch(() => false);
}

/** After which record to begin. A stream that was lost with its server counts anew. */
async function startOf(jsm: JetStreamManager, position: number | undefined): Promise<number> {
  const { state } = await jsm.streams.info(eventsStream);
  if (position === undefined) return state.last_seq;
  return state.last_seq < position ? 0 : position;
}
