// Owns a reader: a cursor on one replay log, pulled by whoever writes to the client. It never makes the log, or the engine, wait.
import type { Clock, TimerHandle } from "@waggle/async";
import { errorKinds } from "@waggle/protocol";
import type { ErrorEvent, StreamEvent } from "@waggle/protocol";
import type { ReplayLog } from "./replay-log.ts";

/** Token events handed over at one pull, at most: bounds the size of one write. */
const eventsPerPull = 256;

export interface ReaderOptions {
  readonly log: ReplayLog;
  /** Stamped on the error event, should this reader be cut off. */
  readonly streamId: string;
  readonly sessionId: string | undefined;
  /** Token index after which to begin; -1 is the beginning. */
  readonly after: number;
  readonly clock: Clock;
  /** Nothing sent for this long: hand out an empty batch, which becomes a ping. */
  readonly pingIntervalMs: number;
  /** Events are there but nobody pulls for this long: the client has stopped reading. */
  readonly stallTimeoutMs: number;
  /** Called once, however the reader ends. */
  readonly onClose: () => void;
  /** Called once when the reader is cut off as a slow consumer, by whichever of the two ways, or both. */
  readonly onCutOff: () => void;
  /** Called when the client has to be cut off without being asked for more; must destroy its connection. */
  readonly onStalled: () => void;
}

/**
 * An explicit iterator, not a generator: `return()` ends a pending `next()` at once, which is how a disconnect is noticed.
 * Batches are in stream order. An empty one is a ping. The last one ends with a terminal event.
 */
export interface Reader extends AsyncIterableIterator<readonly StreamEvent[]> {
  /** The connection is gone, or the reader must go. Idempotent. */
  close(): void;
}

export function createReader(options: ReaderOptions): Reader {
  const { log, clock } = options;
  let nextToken = options.after + 1;
  let waitingSeen = 0;
  let startedSent = false;
  let finished = false;
  let closed = false;
  let cutOff = false;
  let pending: ((result: IteratorResult<readonly StreamEvent[]>) => void) | undefined;
  let timer: TimerHandle | undefined;
  const unsubscribe = log.subscribe(wake);

  function collect(): StreamEvent[] {
    const batch: StreamEvent[] = [];
    if (log.waiting !== undefined && log.waiting.number > waitingSeen) {
      waitingSeen = log.waiting.number;
      batch.push(log.waiting.event);
    }
    if (!startedSent && log.started !== undefined) {
      startedSent = true;
      batch.push(log.started);
    }
    if (nextToken < log.firstToken) {
      finished = true;
      tellCutOff();
      return [tooSlow(options, log.firstToken)];
    }
    if (nextToken < log.nextToken) {
      const tokens = log.tokensFrom(nextToken, eventsPerPull);
      nextToken += tokens.length;
      for (const token of tokens) batch.push(token);
    }
    if (log.terminal !== undefined && nextToken >= log.nextToken) {
      finished = true;
      batch.push(log.terminal);
    }
    return batch;
  }

  function hasMore(): boolean {
    return (
      (log.waiting?.number ?? 0) > waitingSeen ||
      (!startedSent && log.started !== undefined) ||
      nextToken < log.nextToken ||
      log.terminal !== undefined
    );
  }

  function wake(): void {
    if (pending === undefined) {
      // Events wait and nobody pulls. The first of them starts the clock; a pull stops it.
      if (!closed && !finished) timer ??= clock.setTimeout(stalled, options.stallTimeoutMs);
      return;
    }
    // A reader that resumes beyond the newest token has not missed anything.
    if (hasMore()) deliver(collect());
  }

  function deliver(batch: readonly StreamEvent[]): void {
    const resolve = pending;
    pending = undefined;
    clearTimer();
    // After the last batch too: until the next pull nobody knows that it was taken.
    if (finished || hasMore()) timer = clock.setTimeout(stalled, options.stallTimeoutMs);
    resolve?.({ done: false, value: batch });
  }

  function stalled(): void {
    timer = undefined;
    tellCutOff();
    options.onStalled();
    close();
  }

  function tellCutOff(): void {
    if (!cutOff) options.onCutOff();
    cutOff = true;
  }

  function clearTimer(): void {
    timer?.cancel();
    timer = undefined;
  }

  function close(): void {
    if (closed) return;
    closed = true;
    finished = true;
    clearTimer();
    unsubscribe();
    const resolve = pending;
    pending = undefined;
    resolve?.({ done: true, value: undefined });
    options.onClose();
  }

  return {
    next() {
      if (finished || closed) {
        close();
        return Promise.resolve({ done: true, value: undefined });
      }
      return new Promise((resolve) => {
        pending = resolve;
        clearTimer();
        if (hasMore()) deliver(collect());
        else timer = clock.setTimeout(() => deliver([]), options.pingIntervalMs);
      });
    },
    return() {
      close();
      return Promise.resolve({ done: true, value: undefined });
    },
    close,
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

function tooSlow(options: ReaderOptions, firstToken: number): ErrorEvent {
  return {
    type: "error",
    stream_id: options.streamId,
    ...(options.sessionId === undefined ? {} : { session_id: options.sessionId }),
    code: "slow_consumer",
    message: `Cannot continue this reader: it fell too far behind, and token events before ${firstToken} are no longer held.`,
    retryable: errorKinds.slow_consumer.retryable,
    details: { first_index: firstToken },
  };
}
