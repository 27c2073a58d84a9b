// Implements a reader: a position in one replay log, from which a client's connection pulls events. The log and the engine never wait for a reader.
import type { Clock, TimerHandle } from "@waggle/async";
import { errorKinds } from "@waggle/protocol";
import type { ErrorEvent, StreamEvent } from "@waggle/protocol";
import type { ReplayLog } from "./replay-log.ts";

/** Most token events of one pull, to bound the size of one write to the connection. */
const eventsPerPull = 256;

export interface ReaderOptions {
  readonly log: ReplayLog;
  /** The stream's id, for the error event `slow_consumer`. */
  readonly streamId: string;
  readonly sessionId: string | undefined;
  /** The reader begins after this token index; -1 begins with the first token. */
  readonly after: number;
  readonly clock: Clock;
  /** After this time without events, `next` resolves with an empty batch, which becomes a ping. */
  readonly pingIntervalMs: number;
  /** The client counts as stalled when events wait this long without a pull. */
  readonly stallTimeoutMs: number;
  /** Called once when the reader ends, for any reason. */
  readonly onClose: () => void;
  /** Called once when the reader is cut off, because it stalled or because the log dropped tokens that it needs. */
  readonly onCutOff: () => void;
  /** Called when the client has stopped reading; must destroy the client's connection. */
  readonly onStalled: () => void;
}

/**
 * Batches are in stream order. An empty batch is a ping. The last batch ends with a terminal event.
 * The iterator is no generator, because `return()` must end a pending `next()` at once, for example after a disconnect.
 */
export interface Reader extends AsyncIterableIterator<readonly StreamEvent[]> {
  /** Ends the reader. Idempotent. */
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
      reportCutOff();
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
      // The first event that waits for a pull starts the timer, and the pull stops it.
      if (!closed && !finished) timer ??= clock.setTimeout(stalled, options.stallTimeoutMs);
      return;
    }
    // The new event may come before this reader's position: a client may resume after a token that is not generated yet.
    if (hasMore()) deliver(collect());
  }

  function deliver(batch: readonly StreamEvent[]): void {
    const resolve = pending;
    pending = undefined;
    clearTimer();
    // Start the timer after the last batch too: only the next pull shows that the client has taken the batch.
    if (finished || hasMore()) timer = clock.setTimeout(stalled, options.stallTimeoutMs);
    resolve?.({ done: false, value: batch });
  }

  function stalled(): void {
    timer = undefined;
    reportCutOff();
    options.onStalled();
    close();
  }

  function reportCutOff(): void {
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
