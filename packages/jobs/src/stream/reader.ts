// Owns the readers of jobs. A reader is a position in one replay log, from which a client's connection pulls events. The log and the engine never
// wait for a reader.
import type { Clock, TimerHandle } from "@waggle/async";
import { errorKinds } from "@waggle/protocol";
import type { ErrorEvent, StreamEvent } from "@waggle/protocol";
import type { JobTimers } from "../job/timers.ts";
import { hasEnded } from "../job/job.ts";
import type { Job } from "../job/job.ts";
import { streamKeys } from "../job/stream-events.ts";
import { isWait, type Mark, type ReplayLog } from "../job/replay-log.ts";

/** Maximum number of events of one pull, to bound the size of one write to the connection. */
const eventsPerPull = 256;

export interface ReaderOptions {
  readonly log: ReplayLog;
  /** The keys of the stream's events, for the error event `slow_consumer`. */
  readonly keys: ReturnType<typeof streamKeys>;
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
 * The iterator is not a generator, because `return()` must end a pending `next()` at once, for example after a disconnect.
 */
export interface Reader extends AsyncIterableIterator<readonly StreamEvent[]> {
  /** Ends the reader. Idempotent. */
  close(): void;
}

export function createReader(options: ReaderOptions): Reader {
  const { log, clock } = options;
  let nextToken = options.after + 1;
  /** Number of the last mark that was sent. */
  let marked = 0;
  let finished = false;
  let closed = false;
  let cutOff = false;
  let pending: ((result: IteratorResult<readonly StreamEvent[]>) => void) | undefined;
  let timer: TimerHandle | undefined;
  const unsubscribe = log.subscribe(wake);

  /** The next mark of this reader. A resumed stream begins with the start of its step, and without the other marks before its first token. */
  function nextMark(): Mark | undefined {
    if ((log.marks.at(-1)?.number ?? 0) <= marked) return undefined;
    const { after } = options;
    const start = log.marks.findLast(({ event, at }) => event.type === "started" && at <= after + 1);
    return log.marks.find((mark) => mark.number > marked && (mark.at > after || mark === start || isWait(mark.event)));
  }

  function collect(): StreamEvent[] {
    const batch: StreamEvent[] = [];
    while (batch.length < eventsPerPull) {
      const mark = nextMark();
      if (mark !== undefined && mark.at <= nextToken) {
        marked = mark.number;
        batch.push(mark.event);
        continue;
      }
      if (nextToken < log.firstToken) {
        finished = true;
        reportCutOff();
        return [tooSlow(options.keys, log.firstToken)];
      }
      const until = Math.min(mark?.at ?? Infinity, log.nextToken);
      if (nextToken >= until) break;
      const tokens = log.tokensFrom(nextToken, Math.min(until - nextToken, eventsPerPull - batch.length));
      nextToken += tokens.length;
      for (const token of tokens) batch.push(token);
    }
    if (log.terminal !== undefined && nextToken >= log.nextToken && nextMark() === undefined) {
      finished = true;
      batch.push(log.terminal);
    }
    return batch;
  }

  function hasMore(): boolean {
    return nextMark() !== undefined || nextToken < log.nextToken || log.terminal !== undefined;
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

function tooSlow(keys: ReaderOptions["keys"], firstToken: number): ErrorEvent {
  return {
    type: "error",
    ...keys,
    code: "slow_consumer",
    message: `Cannot continue this reader: it fell too far behind, and token events before ${firstToken} are no longer held.`,
    retryable: errorKinds.slow_consumer.retryable,
    details: { first_index: firstToken },
  };
}

/** Times in milliseconds. */
export interface ReaderLimits {
  readonly pingIntervalMs: number;
  readonly readerStallTimeoutMs: number;
  readonly reconnectGraceMs: number;
  /** How long a job without readers continues when its client may send the request again; 0 ends the job at once. */
  readonly retryGraceMs: number;
}

/**
 * @param after index of the last token event that the client has; -1 for a client without token events
 * @param onStalled called when the client has stopped reading; must destroy the client's connection
 */
export type OpenReader = (job: Job, after: number, onStalled: () => void) => Reader;

export interface Readers {
  readonly open: OpenReader;
  /** Ends all readers of the job, without an end of its stream. */
  close(job: Job): void;
}

export interface ReadersOptions {
  readonly clock: Clock;
  readonly timers: JobTimers;
  readonly limits: ReaderLimits;
  /** Called when a reader of the job is cut off. */
  readonly onCutOff: (job: Job) => void;
  /** Called when the job has had no readers for its whole grace time. */
  readonly onAbandoned: (job: Job) => void;
}

/** When the last reader of a job is gone, the job's spec decides whether the job continues. */
export function createReaders({ clock, timers, limits, onCutOff, onAbandoned }: ReadersOptions): Readers {
  const opened = new WeakMap<Job, Set<Reader>>();

  function onLastGone(job: Job): void {
    if (hasEnded(job) || job.spec.when.onDisconnect === "continue") return;
    const graceMs = job.spec.when.direct ? retryGraceMsOf(job) : limits.reconnectGraceMs;
    if (graceMs === 0) onAbandoned(job);
    else timers.set(job, "grace", graceMs, () => onAbandoned(job));
  }

  /**
   * A client that retries closes its connection first. During prefill every job waits for such a retry, so that the computed prompt is not lost. A
   * decide job is in prefill to its end, and what is computed for it stays in its slot's cache.
   */
  function retryGraceMsOf({ spec, state: { phase } }: Job): number {
    const isPrefilling = phase.name === "running" && phase.stage === "prefill" && spec.work.kind !== "decide";
    return spec.when.retriable === true || isPrefilling ? limits.retryGraceMs : 0;
  }

  function open(job: Job, after: number, onStalled: () => void): Reader {
    job.readers += 1;
    timers.clear(job, "orphaned");
    timers.clear(job, "grace");
    const readers = opened.get(job) ?? new Set();
    const reader = createReader({
      log: job.log,
      keys: streamKeys(job),
      after,
      clock,
      pingIntervalMs: limits.pingIntervalMs,
      stallTimeoutMs: limits.readerStallTimeoutMs,
      onCutOff: () => onCutOff(job),
      onStalled,
      onClose() {
        readers.delete(reader);
        job.readers -= 1;
        if (job.readers === 0) onLastGone(job);
      },
    });
    opened.set(job, readers.add(reader));
    return reader;
  }

  return {
    open,
    close(job) {
      for (const reader of opened.get(job) ?? []) reader.close();
    },
  };
}
