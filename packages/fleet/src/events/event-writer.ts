// Publishes a worker's records of a job: each once, in order, and none after another worker has taken over the job. The engine does not wait:
// events that arrive while a record is in flight go into the next record.
import { createBackoff, deferred, sleep } from "@waggle/async";
import type { JobEvent, PriorOutput } from "@waggle/engine";
import type { FleetConnection } from "../nats/connection.ts";
import { isWrongSequence } from "../nats/nats-errors.ts";
import { eventsStream } from "../nats/names.ts";
import { mostBytesOf } from "../nats/publish.ts";
import { decode, encode, fileIn, type EventRecord } from "../queue/records.ts";

const publishTimeoutMs = 2_000;
/** Waits before a record is sent again. */
const retryDelaysMs = [50, 100, 250, 500, 1_000];
/** Maximum number of events in one record. */
const eventsPerRecord = 256;
/** Maximum number of events that may wait for NATS. A job that exceeds this limit is given up. */
const mostWaiting = 65_536;

export interface EventWriterOptions {
  readonly connection: Pick<FleetConnection, "use" | "connected">;
  readonly subject: string;
  /** The sequence of the job's last record when this worker took the job; 0 without records. */
  readonly after: number;
  readonly fence: Extract<EventRecord, { kind: "fence" }>;
  /** Called once, when another worker has the job or too many events wait. The writer writes nothing after this call. */
  readonly onLost: () => void;
  /** Called when one event exceeds NATS's message limit. That event and all events that wait then are dropped; events written later are published. */
  readonly onTooLarge: (bytes: number, mostBytes: number) => void;
}

export interface EventWriter {
  write(events: readonly JobEvent[]): void;
  engineLost(enginesLost: number): void;
  /** Writes the whole output so far, for a worker that takes the job over when the earlier records have expired. */
  repeat(output: PriorOutput): void;
  /** Like `repeat`, and marks that this worker gives the job back. */
  giveBack(output: PriorOutput): void;
  /** Resolves when all records are on disk, or another worker has the job. */
  flushed(): Promise<void>;
  /** Stops the writer: it publishes no more records. */
  stop(): void;
}

type BodyOf<T> = T extends { readonly serial: number } ? Omit<T, "attempt" | "serial"> : never;
/** A record without the fields that all records share. */
type Body = BodyOf<EventRecord>;

interface Fitted {
  readonly record: EventRecord;
  readonly data: Uint8Array;
}

/** Starts at once, by publishing the fence. */
export function createEventWriter(options: EventWriterOptions): EventWriter {
  const { connection, subject, fence } = options;
  const { attempt } = fence;
  const file = fileIn(fence);
  const waiting: Body[] = [];
  let fenced = false;
  let last = options.after;
  let serial = 0;
  let over = false;
  let running = false;
  let idle = deferred<void>();

  function lose(): void {
    if (over) return;
    over = true;
    options.onLost();
  }

  function add(body: Body): void {
    if (over) return;
    waiting.push(body);
    if (waiting.length > mostWaiting) lose();
    else kick();
  }

  function kick(): void {
    if (running) return;
    running = true;
    idle = deferred<void>();
    void run();
  }

  async function run(): Promise<void> {
    // The events of one engine step go into one record.
    await Promise.resolve();
    while (!over) {
      const record = nextRecord();
      if (record === undefined) break;
      await send(record);
    }
    running = false;
    idle.resolve();
  }

  function nextRecord(): EventRecord | undefined {
    if (!fenced) {
      fenced = true;
      return fence;
    }
    const first = waiting.shift();
    if (first === undefined) return undefined;
    if (first.kind !== "events") return { ...first, attempt, serial: serial++ };
    const events = [...first.events];
    for (let next = waiting[0]; next?.kind === "events" && events.length < eventsPerRecord; next = waiting[0]) {
      for (const event of next.events) events.push(event);
      waiting.shift();
    }
    return { kind: "events", attempt, serial: serial++, events };
  }

  /** Retries until this record is on disk, or another worker's record is there instead. */
  async function send(wanted: EventRecord): Promise<void> {
    const backoff = createBackoff({ delaysMs: retryDelaysMs });
    let fitted: Fitted | undefined;
    while (!over) {
      try {
        const { js, nc } = connection.use();
        fitted ??= fitting(wanted, mostBytesOf(nc));
        if (fitted === undefined) return;
        const expect = { lastSubjectSequence: last };
        const ack = await js.publish(subject, fitted.data, { expect, timeout: publishTimeoutMs, retries: 1 });
        last = ack.seq;
        return;
      } catch (error) {
        if (fitted !== undefined && isWrongSequence(error) && (await settle(fitted.record))) return;
      }
      if (!over) await sleep(backoff.next(), { ref: false });
    }
  }

  /** Returns the longest beginning of the record that fits into a NATS message. The rest waits for the next record. Undefined if nothing fits. */
  function fitting(record: EventRecord, mostBytes: number): Fitted | undefined {
    const data = encode(record);
    if (data.length <= mostBytes) return { record, data };
    if (record.kind === "events" && record.events.length > 1) {
      const half = Math.ceil(record.events.length / 2);
      waiting.unshift({ kind: "events", events: record.events.slice(half) });
      return fitting({ ...record, events: record.events.slice(0, half) }, mostBytes);
    }
    serial -= 1;
    // A repetition that does not fit is dropped. Without the repetition, a later worker may report missing records.
    if (record.kind !== "events") return undefined;
    waiting.length = 0;
    options.onTooLarge(data.length, mostBytes);
    return undefined;
  }

  /** Reads the job's last record: the attempt that wrote this record has the job. @returns whether our record was written */
  async function settle(record: EventRecord): Promise<boolean> {
    try {
      const found = await connection.use().jsm.streams.getMessage(eventsStream, { last_by_subj: subject });
      const there = found === null ? undefined : decode<EventRecord>(found.data);
      // All records of the job have expired or were deleted. The queue then decides which worker has the job.
      if (found === null || there === undefined) last = 0;
      else if (isSame(there, record)) {
        last = found.seq;
        return true;
      } else if (there.attempt === attempt) last = found.seq;
      else lose();
    } catch {
      // NATS is away: the next attempt checks again.
    }
    return false;
  }

  kick();
  return {
    write: (events) => add({ kind: "events", events }),
    engineLost: (enginesLost) => add({ kind: "engine_lost", enginesLost }),
    repeat: (output) => add({ kind: "output", output, ...file }),
    giveBack: (output) => add({ kind: "output", output, ...file, givenBack: true }),
    async flushed() {
      while (running) await idle.promise;
    },
    stop() {
      over = true;
    },
  };
}

function isSame(a: EventRecord, b: EventRecord): boolean {
  if (a.attempt !== b.attempt || a.kind !== b.kind) return false;
  return a.kind === "fence" || (b.kind !== "fence" && a.serial === b.serial);
}
