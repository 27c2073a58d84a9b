// Owns what a worker says of a job to the fleet: in order, each record once, and nothing any more once another worker has taken the job over. Nobody
// waits for it: what comes while a record is on its way goes with the next one.
import { createBackoff, deferred, sleep } from "@waggle/async";
import type { JobEvent, SaidTokens } from "@waggle/engine";
import type { FleetConnection } from "./connection.ts";
import { isWrongSequence } from "./nats-errors.ts";
import { eventsStream } from "./names.ts";
import { mostBytesOf } from "./payload.ts";
import { decode, encode, type EventRecord, type FleetModelFile } from "./records.ts";

const publishTimeoutMs = 2_000;
/** Waits before a record is sent again. */
const retryDelaysMs = [50, 100, 250, 500, 1_000];
/** Events of one record, at most. */
const eventsPerRecord = 256;
/** Events that may wait for NATS; a job with more is given up. */
const mostWaiting = 65_536;

export interface EventWriterOptions {
  readonly connection: Pick<FleetConnection, "use" | "connected">;
  readonly subject: string;
  /** The subject's last sequence, as it was when the job was taken; 0: there is nothing. */
  readonly after: number;
  readonly fence: Extract<EventRecord, { kind: "fence" }>;
  /** Another worker has the job, or nobody wants it any more. Called once; nothing is written from then on. */
  readonly onLost: () => void;
  /** One event is larger than NATS takes. It and what waits behind it are dropped; what is written from now on is told. */
  readonly onTooLarge: (bytes: number, mostBytes: number) => void;
}

export interface EventWriter {
  write(events: readonly JobEvent[]): void;
  engineLost(silentDeaths: number): void;
  /** All that the job has told so far, for who takes it over when the records before it are too old to be there. */
  repeat(said: SaidTokens): void;
  /** The same, and that this worker gives the job back. */
  left(said: SaidTokens): void;
  /** Resolves when everything is on disk, or the job is lost. */
  flushed(): Promise<void>;
  /** Nothing more is written, now. */
  stop(): void;
}

type BodyOf<T> = T extends { readonly serial: number } ? Omit<T, "attempt" | "serial"> : never;
/** A record without what every record has. */
type Body = BodyOf<EventRecord>;

interface Fitted {
  readonly record: EventRecord;
  readonly data: Uint8Array;
}

/** Begins to write at once, with the fence. */
export function createEventWriter(options: EventWriterOptions): EventWriter {
  const { connection, subject, fence } = options;
  const { attempt, modelSha256, templateSha256, modelFile } = fence;
  const file: FleetModelFile = { modelSha256, templateSha256, modelFile };
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
    // What one step of the engine has told goes together.
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

  /** Until it is on disk, or somebody else's is. */
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

  /** As much of it as NATS takes; the rest waits as the next record. Undefined where nothing of it can be told. */
  function fitting(record: EventRecord, mostBytes: number): Fitted | undefined {
    const data = encode(record);
    if (data.length <= mostBytes) return { record, data };
    if (record.kind === "events" && record.events.length > 1) {
      const half = Math.ceil(record.events.length / 2);
      waiting.unshift({ kind: "events", events: record.events.slice(half) });
      return fitting({ ...record, events: record.events.slice(0, half) }, mostBytes);
    }
    serial -= 1;
    // A repetition is there for others, who find that it is not.
    if (record.kind !== "events") return undefined;
    waiting.length = 0;
    options.onTooLarge(data.length, mostBytes);
    return undefined;
  }

  /** What is last there says whose the job is. @returns whether the record is there */
  async function settle(record: EventRecord): Promise<boolean> {
    try {
      const found = await connection.use().jsm.streams.getMessage(eventsStream, { last_by_subj: subject });
      const there = found === null ? undefined : decode<EventRecord>(found.data);
      // The records that were there are too old, or were thrown away; whose the job is says the queue.
      if (found === null || there === undefined) last = 0;
      else if (isSame(there, record)) {
        last = found.seq;
        return true;
      } else if (there.attempt === attempt) last = found.seq;
      else lose();
    } catch {
      // NATS is away: the next attempt finds out.
    }
    return false;
  }

  kick();
  return {
    write: (events) => add({ kind: "events", events }),
    engineLost: (silentDeaths) => add({ kind: "engine_lost", silentDeaths }),
    repeat: (said) => add({ kind: "said", said, ...file }),
    left: (said) => add({ kind: "said", said, ...file, left: true }),
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
