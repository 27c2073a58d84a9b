// Sends each hive event to all readers, which have separate buffers of limited size. This file does not depend on HTTP or a text format.
import type { Clock, TimerHandle } from "@waggle/async";
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
   * Opens a reader that gets `first`, then every event published from now on, until the reader cancels or the feed closes. A reader that falls
   * more than `feedBacklogLimit` events behind is disconnected: `onCutOff` is called at once, and the stream fails with `slow_consumer`.
   * @throws WaggleError resource_exhausted at `feedReadersLimit`
   */
  open(first: HiveEvent, onCutOff: () => void): ReadableStream<FeedItem>;
  publish(event: HiveEvent): void;
  readonly readers: number;
  /** Ends every reader's stream after its buffered events. */
  close(): void;
}

interface Reader {
  readonly controller: ReadableStreamDefaultController<FeedItem>;
  readonly onCutOff: () => void;
}

export function createFeed(options: { readonly clock: Clock }): Feed {
  const readers = new Set<Reader>();
  let pingTimer: TimerHandle | undefined;

  function deliver(item: FeedItem): void {
    for (const reader of readers) {
      const { controller, onCutOff } = reader;
      if ((controller.desiredSize ?? 0) > 0) {
        controller.enqueue(item);
        continue;
      }
      leave(reader);
      controller.error(new WaggleError("slow_consumer", `This reader fell ${feedBacklogLimit} events behind.`));
      onCutOff();
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
      pingTimer ??= options.clock.setTimeout(ping, pingIntervalMs);
      let reader: Reader;
      return new ReadableStream<FeedItem>(
        {
          start(controller) {
            controller.enqueue(first);
            reader = { controller, onCutOff };
            readers.add(reader);
          },
          cancel: () => leave(reader),
        },
        { highWaterMark: feedBacklogLimit },
      );
    },
    publish: deliver,
    get readers() {
      return readers.size;
    },
    close() {
      for (const reader of readers) {
        leave(reader);
        reader.controller.close();
      }
    },
  };
}
