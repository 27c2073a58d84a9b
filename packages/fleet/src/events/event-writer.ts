// Publishes a worker's records of a job: each once, in order, and none after another worker has taken over the job. The engine does not wait:
// events that arrive while a record is in flight go into the next record.
import { createBackoff, deferred, inBackground } from "@waggle/async";
import type { JobEvent, PriorOutput } from "@waggle/engine";
import { errorReason } from "@waggle/daemon/terminal";
import type { MemberContext } from "../broker/member-context.ts";
import { decode, encode, fileIn, type EndedBy, type EventRecord } from "../queue/records.ts";

/** How long attempts to write one record may fail while the broker is there. Then the worker gives the job back. */
const stuckAfterMs = 15_000;
/** Waits before a record is sent again. */
const retryDelaysMs = [50, 100, 250, 500, 1_000];
/** Maximum number of events in one record. */
const eventsPerRecord = 256;
/** Maximum number of events that may wait for the broker. A job that exceeds this limit is given up. */
const mostWaiting = 65_536;

export interface EventWriterOptions extends Pick<MemberContext, "broker" | "clock"> {
  /** The job's topic. */
  readonly topic: string;
  /** The sequence of the job's last record when this worker took the job; 0 without records. */
  readonly after: number;
  readonly fence: Extract<EventRecord, { kind: "fence" }>;
  /** Called once, when another worker has the job or too many events wait. The writer writes nothing after this call. */
  readonly onLost: () => void;
  /** Called once, when this worker cannot write records: it may not, or attempts have failed for too long. The writer writes nothing after this call. */
  readonly onStuck: (reason: string) => void;
  /** Called when one event exceeds the broker's message limit. That event and all events that wait then are dropped; events written later are published. */
  readonly onTooLarge: (bytes: number, mostBytes: number) => void;
}

export interface EventWriter {
  /** @param cancelledBy why the job ends, if the last event is its cancel */
  write(events: readonly JobEvent[], cancelledBy?: EndedBy): void;
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
  const { broker, topic, fence, clock } = options;
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
    inBackground("write events", run());
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
    let { cancelledBy } = first;
    for (let next = waiting[0]; next?.kind === "events" && events.length < eventsPerRecord; next = waiting[0]) {
      for (const event of next.events) events.push(event);
      ({ cancelledBy } = next);
      waiting.shift();
    }
    return { kind: "events", attempt, serial: serial++, events, cancelledBy };
  }

  /** Tries until this record is on disk, or another worker's record is there instead. Without the broker it waits for the broker's return. */
  async function send(wanted: EventRecord): Promise<void> {
    const backoff = createBackoff({ delaysMs: retryDelaysMs });
    let fitted: Fitted | undefined;
    let failingSince: number | undefined;
    while (!over) {
      const connected = broker.connected;
      let reason = "another record is written each time";
      try {
        fitted ??= fitting(wanted, broker.mostBytes);
        if (fitted === undefined) return;
        const appended = await broker.events.append(topic, fitted.data, last);
        if (appended === "denied") return stick(`this worker has no permission to write to ${topic}`);
        if (appended !== "moved") return void (last = appended.sequence);
        if (await settle(fitted.record)) return;
      } catch (error) {
        reason = errorReason(error);
      }
      failingSince = connected ? (failingSince ?? clock.now()) : undefined;
      if (failingSince !== undefined && clock.now() - failingSince >= stuckAfterMs) return stick(reason);
      if (!over) await pause(backoff.next());
    }
  }

  async function pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => clock.setTimeout(resolve, ms));
  }

  function stick(reason: string): void {
    if (over) return;
    over = true;
    options.onStuck(reason);
  }

  /** Returns the longest beginning of the record that fits into a message. The rest waits for the next record. Undefined if nothing fits. */
  function fitting(record: EventRecord, mostBytes: number): Fitted | undefined {
    const data = encode(record);
    if (data.length <= mostBytes) return { record, data };
    if (record.kind === "events" && record.events.length > 1) {
      const half = Math.ceil(record.events.length / 2);
      const { cancelledBy } = record;
      waiting.unshift({ kind: "events", events: record.events.slice(half), cancelledBy });
      return fitting({ ...record, events: record.events.slice(0, half), cancelledBy: undefined }, mostBytes);
    }
    serial -= 1;
    // A repetition that does not fit is dropped. Without the repetition, a later worker may report missing records.
    if (record.kind !== "events") return undefined;
    waiting.length = 0;
    options.onTooLarge(data.length, mostBytes);
    return undefined;
  }

  /** Reads the job's last record: the attempt that wrote this record has the job. @returns whether our record was written @throws WaggleError unavailable */
  async function settle(record: EventRecord): Promise<boolean> {
    const found = await broker.events.last(topic);
    if (found === undefined) {
      // All records of the job have expired or were deleted. The queue then decides which worker has the job.
      last = 0;
      return false;
    }
    const there = decode<EventRecord>(found.data);
    const isOurs = isSame(there, record);
    if (isOurs || there.attempt === attempt) last = found.sequence;
    else lose();
    return isOurs;
  }

  kick();
  return {
    write: (events, cancelledBy) => add({ kind: "events", events, cancelledBy }),
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
