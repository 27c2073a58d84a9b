// Runs the jobs of one request concurrently, and joins their events to one stream with one end.
import { deferred, inBackground } from "@waggle/async";
import type { GenerateSpec, Job, Reader } from "@waggle/jobs";
import { isTerminal } from "@waggle/protocol";
import type { EndEvent, StreamEvent, Usage } from "@waggle/protocol";

export interface BatchOptions {
  /** All specs have the same number of choices. The stream numbers the choices of all jobs in order, starting with the first job. */
  readonly specs: readonly GenerateSpec[];
  /** Maximum number of jobs that wait or run at the same time. */
  readonly width: number;
  /** @throws WaggleError */
  readonly submit: (spec: GenerateSpec, index: number) => Promise<Job>;
  /** @throws WaggleError when the job's events are no longer kept */
  readonly open: (job: Job) => Pick<Reader, "next" | "close">;
  /** @param index the index of the job's spec */
  readonly onAccepted?: ((job: Job, index: number) => void) | undefined;
  /** Called when the job has completed. `next` throws what this function throws. */
  readonly onEnded?: ((index: number, end: EndEvent) => void) | undefined;
}

/** A reader of the events of one job, or of a batch, with one terminal event. `next` throws a WaggleError if a later job of a batch is rejected. */
export interface EventReader extends Pick<Reader, "next" | "close"> {
  /** The job, or the first job of the batch. */
  readonly job: Job;
}

/** Events of a job, or the error that rejected the job. */
interface Arrival {
  readonly index: number;
  readonly events: readonly StreamEvent[];
  readonly refused?: { readonly error: unknown };
}

/**
 * Resolves when the first job is accepted. When a job is rejected, fails or is cancelled, all other jobs end too.
 * @throws WaggleError when the first job is rejected
 */
export async function runBatch(options: BatchOptions): Promise<EventReader> {
  const { specs, width } = options;
  const choices = specs[0]?.work.choices ?? 1;
  const readers = new Map<number, Pick<Reader, "next" | "close">>();
  const ends: (EndEvent | undefined)[] = [];
  let accepted = 0;
  let ended = 0;
  let started = false;
  let closed = false;
  /** At most one arrival per reader: a reader is read again only after the consumer took its last arrival. */
  const arrived: Arrival[] = [];
  let arrival = deferred<void>();
  /** A completed job. The next read concludes it: by then the consumer has taken all events before the job's end. */
  let endedJob: { readonly index: number; readonly end: EndEvent } | undefined;

  async function begin(spec: GenerateSpec): Promise<Job> {
    const index = accepted;
    accepted += 1;
    const job = await options.submit(spec, index);
    options.onAccepted?.(job, index);
    const reader = options.open(job);
    if (closed) reader.close();
    else {
      readers.set(index, reader);
      ask(index, reader);
    }
    return job;
  }

  function beginNext(): void {
    const index = accepted;
    const spec = specs[index];
    if (spec !== undefined) begin(spec).catch((error: unknown) => arrive({ index, events: [], refused: { error } }));
  }

  function ask(index: number, reader: Pick<Reader, "next">): void {
    const read = reader.next().then(({ done, value }) => {
      if (done !== true) arrive({ index, events: value });
    });
    inBackground("read an answer", read);
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

  function eventsOf({ index, events, refused }: Arrival): readonly StreamEvent[] {
    if (refused !== undefined) throw refused.error;
    const merged = events.flatMap((event) => merge(index, event));
    const reader = readers.get(index);
    if (reader !== undefined) ask(index, reader);
    return merged;
  }

  /** Maps a job's event to events of the batch. */
  function merge(index: number, event: StreamEvent): readonly StreamEvent[] {
    switch (event.type) {
      case "started": {
        const first = !started;
        started = true;
        return first ? [event] : [];
      }
      case "token":
        return [{ ...event, choice: index * choices + (event.choice ?? 0) }];
      case "end":
        if (event.finish_reason === "cancelled") return [event];
        readers.get(index)?.close();
        readers.delete(index);
        endedJob = { index, end: event };
        return [];
      case "queued":
      case "status":
      case "tool_call":
      case "tool_result":
      case "error":
        return [event];
    }
  }

  /** The events that follow from the end of `endedJob`; undefined if there is no `endedJob`. */
  function conclude(): readonly StreamEvent[] | undefined {
    if (endedJob === undefined) return undefined;
    const { index, end } = endedJob;
    endedJob = undefined;
    ends[index] = end;
    ended += 1;
    options.onEnded?.(index, end);
    beginNext();
    return ended === specs.length ? [joinedEnd(ends.flatMap((each) => each ?? []))] : [];
  }

  const [first] = specs;
  if (first === undefined) throw new Error("A batch needs at least one job");
  const job = await begin(first);
  while (accepted < Math.min(width, specs.length)) beginNext();

  return {
    job,
    close,
    async next() {
      try {
        while (!closed) {
          const latest = endedJob === undefined ? await take() : undefined;
          const events = latest === undefined ? (conclude() ?? []) : eventsOf(latest);
          if (events.some(isTerminal)) close();
          // An empty list of events is a ping. But if `merge` dropped the events, there is nothing to return.
          if (events.length > 0 || latest?.events.length === 0) return { done: false, value: events };
        }
      } catch (error) {
        close();
        throw error;
      }
      return { done: true, value: undefined };
    },
  };
}

/** Counts of all jobs together. The jobs overlap in time: work times are summed, and the total time is that of the longest job. */
function joinedEnd(ends: readonly EndEvent[]): EndEvent {
  const [first] = ends;
  if (first === undefined) throw new Error("Cannot join the ends of no jobs");
  const sum = (of: (end: EndEvent) => number): number => ends.reduce((total, each) => total + of(each), 0);
  const most = (of: (end: EndEvent) => number): number => Math.max(...ends.map(of));
  const decodeMs = sum(({ timings }) => timings.decode_ms);
  const guessed = sum(({ timings }) => timings.draft_n ?? 0);
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
      ...(guessed === 0
        ? {}
        : { draft_n: guessed, draft_n_accepted: sum(({ timings }) => timings.draft_n_accepted ?? 0) }),
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
