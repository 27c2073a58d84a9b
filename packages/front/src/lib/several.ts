// Owns several jobs of one request as one stream of events: they run side by side, so many at a time, and have one end.
import { deferred } from "@waggle/async";
import type { GenerateSpec, Job, Reader } from "@waggle/jobs";
import { WaggleError, isTerminal } from "@waggle/protocol";
import type { EndEvent, ErrorEvent, StreamEvent, Usage } from "@waggle/protocol";

export interface SeveralOptions {
  /** All with the same number of choices, which the stream numbers through: first all of the first job. */
  readonly specs: readonly GenerateSpec[];
  /** Most jobs that wait or run at a time. */
  readonly width: number;
  /** @throws WaggleError */
  readonly submit: (spec: GenerateSpec, index: number) => Promise<Job>;
  /** @throws WaggleError when there is nobody to read it */
  readonly open: (job: Job) => Reader;
  /** @param index of its spec */
  readonly onAccepted?: ((job: Job, index: number) => void) | undefined;
  /** It ended well. @throws WaggleError with which the stream then ends */
  readonly onEnded?: ((index: number) => void) | undefined;
}

/** What is read of it is a stream like a job's: it has one terminal event, and an empty batch is a ping. */
export type SeveralReader = Pick<Reader, "next" | "close">;

interface Arrival {
  readonly index: number;
  readonly events: readonly StreamEvent[];
}

/**
 * Accepts the first of the jobs. When one fails or is cancelled, or cannot be accepted later, the others end with it.
 * @throws WaggleError when the first one is refused
 */
export async function readSeveral(options: SeveralOptions): Promise<SeveralReader> {
  const { specs, width } = options;
  const choices = specs[0]?.choices ?? 1;
  const readers = new Map<number, Reader>();
  const ends: (EndEvent | undefined)[] = [];
  let accepted = 0;
  let ended = 0;
  let started = false;
  let closed = false;
  /** One batch of each reader at most: it is asked for more when that has been taken. */
  const arrived: Arrival[] = [];
  let arrival = deferred<void>();

  async function begin(): Promise<void> {
    const index = accepted;
    const spec = specs[index];
    if (spec === undefined) return;
    accepted += 1;
    const job = await options.submit(spec, index);
    options.onAccepted?.(job, index);
    const reader = options.open(job);
    if (closed) return reader.close();
    readers.set(index, reader);
    ask(index, reader);
  }

  function beginNext(): void {
    const index = accepted;
    begin().catch((thrown: unknown) => arrive({ index, events: [errorEventOf(WaggleError.from(thrown))] }));
  }

  function ask(index: number, reader: Reader): void {
    void reader.next().then(({ done, value }) => {
      if (done !== true) arrive({ index, events: value });
    });
  }

  function arrive(next: Arrival): void {
    arrived.push(next);
    arrival.resolve();
  }

  async function take(): Promise<Arrival | undefined> {
    while (arrived.length === 0 && !closed) {
      arrival = deferred();
      await arrival.promise;
    }
    return closed ? undefined : arrived.shift();
  }

  function close(): void {
    if (closed) return;
    closed = true;
    for (const reader of readers.values()) reader.close();
    arrival.resolve();
  }

  function taken({ index, events }: Arrival): readonly StreamEvent[] {
    const told = events.flatMap((event) => tell(index, event));
    const reader = readers.get(index);
    if (reader !== undefined) ask(index, reader);
    return told;
  }

  /** What the stream says when a job says this. */
  function tell(index: number, event: StreamEvent): readonly StreamEvent[] {
    switch (event.type) {
      case "started": {
        const first = !started;
        started = true;
        return first ? [event] : [];
      }
      case "token":
        return [{ ...event, choice: index * choices + (event.choice ?? 0) }];
      case "end":
        return event.finish_reason === "cancelled" ? [event] : end(index, event);
      case "queued":
      case "status":
      case "error":
        return [event];
    }
  }

  function end(index: number, event: EndEvent): readonly StreamEvent[] {
    readers.get(index)?.close();
    readers.delete(index);
    ends[index] = event;
    ended += 1;
    try {
      options.onEnded?.(index);
    } catch (thrown) {
      return [errorEventOf(WaggleError.from(thrown))];
    }
    beginNext();
    return ended === specs.length ? [joinedEnd(ends.flatMap((each) => each ?? []))] : [];
  }

  await begin();
  while (accepted < Math.min(width, specs.length)) beginNext();

  return {
    close,
    async next() {
      for (let next = await take(); next !== undefined; next = await take()) {
        const events = taken(next);
        if (events.some(isTerminal)) close();
        // What one says that the stream has said already is no ping.
        if (events.length > 0 || next.events.length === 0) return { done: false, value: events };
      }
      return { done: true, value: undefined };
    },
  };
}

/** Counts of all jobs together. Their times overlap: the sums are those of the work, and the whole took as long as the longest. */
function joinedEnd(ends: readonly EndEvent[]): EndEvent {
  const [first] = ends;
  if (first === undefined) throw new Error("Cannot join the ends of no jobs");
  const sum = (of: (end: EndEvent) => number): number => ends.reduce((total, each) => total + of(each), 0);
  const most = (of: (end: EndEvent) => number): number => Math.max(...ends.map(of));
  const decodeMs = sum(({ timings }) => timings.decode_ms);
  const decoded = sum(({ usage }) => Math.max(0, usage.completion_tokens - 1));
  return {
    type: "end",
    stream_id: first.stream_id,
    finish_reason: first.finish_reason,
    choices: ends.flatMap(({ choices, finish_reason }) => choices ?? [{ finish_reason }]),
    usage: joinedUsage(sum),
    timings: {
      queue_ms: first.timings.queue_ms,
      prefill_ms: sum(({ timings }) => timings.prefill_ms),
      decode_ms: decodeMs,
      total_ms: most(({ timings }) => timings.total_ms),
      tokens_per_second: decodeMs > 0 ? (decoded * 1000) / decodeMs : 0,
    },
  };
}

function joinedUsage(sum: (of: (end: EndEvent) => number) => number): Usage {
  return {
    prompt_tokens: sum(({ usage }) => usage.prompt_tokens),
    completion_tokens: sum(({ usage }) => usage.completion_tokens),
    total_tokens: sum(({ usage }) => usage.total_tokens),
    cached_tokens: sum(({ usage }) => usage.cached_tokens),
  };
}

function errorEventOf({ code, message, retryable, details }: WaggleError): ErrorEvent {
  return { type: "error", stream_id: "", code, message, retryable, ...(details === undefined ? {} : { details }) };
}
