// Sends each hive event to all readers, which have separate buffers of limited size. This file does not depend on HTTP or a text format.
import { createChannel, type Channel, type Clock, type TimerHandle } from "@waggle/async";
import { WaggleError, type HiveEvent } from "@waggle/protocol";

/** Limit of readers at a time; more are refused. */
export const feedReadersLimit = 64;
/** Limit of events that wait for one reader; one more disconnects the reader. */
export const feedBacklogLimit = 1_024;
export const pingIntervalMs = 15_000;

/** A ping keeps a quiet connection open. */
export type FeedItem = HiveEvent | { readonly type: "ping" };

export interface Feed {
  /**
   * Opens a reader that gets `first`, then every event published from now on, until the reader returns or the feed closes. A reader that falls
   * more than `feedBacklogLimit` events behind is disconnected: `onCutOff` is called at once, and the iterator ends with `slow_consumer`.
   * @throws WaggleError resource_exhausted at `feedReadersLimit`
   */
  open(first: HiveEvent, onCutOff: () => void): AsyncIterator<FeedItem, undefined>;
  publish(event: HiveEvent): void;
  readonly readers: number;
  /** Ends every reader's stream after its buffered events. */
  close(): void;
}

interface Reader {
  readonly channel: Channel<FeedItem>;
  readonly onCutOff: () => void;
}

export function createFeed(options: { readonly clock: Clock }): Feed {
  const readers = new Set<Reader>();
  let pingTimer: TimerHandle | undefined;

  function deliver(item: FeedItem): void {
    for (const reader of readers) {
      if (reader.channel.send(item)) continue;
      leave(reader);
      reader.channel.fail(new WaggleError("slow_consumer", `This reader fell ${feedBacklogLimit} events behind.`));
      reader.onCutOff();
    }
  }

  function leave(reader: Reader): void {
    readers.delete(reader);
    if (readers.size > 0) return;
    pingTimer?.cancel();
    pingTimer = undefined;
  }

  function ping(): void {
    pingTimer = options.clock.setTimeout(ping, pingIntervalMs);
    deliver({ type: "ping" });
  }

  return {
    open(first, onCutOff) {
      if (readers.size >= feedReadersLimit) {
        throw new WaggleError(
          "resource_exhausted",
          `Cannot open the stream: it already has ${feedReadersLimit} readers.`,
        );
      }
      const reader = { channel: createChannel<FeedItem>({ capacity: feedBacklogLimit }), onCutOff };
      reader.channel.send(first);
      readers.add(reader);
      pingTimer ??= options.clock.setTimeout(ping, pingIntervalMs);
      const items = reader.channel[Symbol.asyncIterator]();
      return {
        next: () => items.next(),
        return: async () => {
          leave(reader);
          await items.return?.();
          return { done: true, value: undefined };
        },
      };
    },
    publish: deliver,
    get readers() {
      return readers.size;
    },
    close() {
      for (const reader of readers) {
        leave(reader);
        reader.channel.close();
      }
    },
  };
}
