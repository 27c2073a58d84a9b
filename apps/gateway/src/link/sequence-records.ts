// Reads one sequence's records: finds its worker, detects missing records, and returns each engine event once. Knows neither NATS nor jobs.
import type { JobEvent } from "@waggle/engine";
import { fileIn } from "@waggle/fleet";
import type { EventRecord, FleetModelFile } from "@waggle/fleet";

export interface SequenceRecords {
  /** The worker that runs the sequence, or ran it last. */
  readonly worker: string | undefined;
  /** The file of that worker's model. */
  readonly file: FleetModelFile | undefined;
  /** @throws Error if a record is missing before this one */
  take(record: EventRecord): News;
}

export interface News {
  readonly events: readonly JobEvent[];
  /** Whether the sequence has output and continues under another engine or worker. */
  readonly moved: boolean;
}

const nothing: News = { events: [], moved: false };

/** @param anyFirst accept any index for the first token, because NATS may have deleted the first records by age */
export function createSequenceRecords(anyFirst = false): SequenceRecords {
  let worker: string | undefined;
  let file: FleetModelFile | undefined;
  /** The newest attempt is the last one. NATS refuses records of earlier attempts, but may deliver their old ones again. */
  const attempts = new Set<string>();
  let attempt: string | undefined;
  /** Undefined before this attempt's first record. That record may have any serial if NATS has deleted the fence. */
  let serial: number | undefined;
  let tokens = 0;
  let vectors = 0;
  let ended = false;

  function takeFence(record: Extract<EventRecord, { kind: "fence" }>): News {
    const moved = tokens > 0 && record.attempt !== attempt;
    worker = record.worker;
    file = fileIn(record);
    enter(record.attempt);
    serial = 0;
    return { events: [], moved };
  }

  function enter(next: string): void {
    attempt = next;
    attempts.add(next);
  }

  /** False for a repeated record, and for a record of an earlier attempt. @throws Error for a gap */
  function isNext(record: Exclude<EventRecord, { kind: "fence" }>): boolean {
    if (!attempts.has(record.attempt)) {
      // NATS has deleted the fence of this attempt, by age or because the log was full.
      enter(record.attempt);
      [worker, serial] = [undefined, undefined];
    }
    if (record.attempt !== attempt) return false;
    serial ??= record.serial;
    if (record.serial > serial)
      throw new Error(`Expected record ${serial} of the attempt, got record ${record.serial}`);
    if (record.serial < serial) return false;
    serial += 1;
    return true;
  }

  /** False for an event that another attempt has sent already. */
  function isNew(event: JobEvent): boolean {
    if (ended) return false;
    switch (event.type) {
      case "token":
        if (anyFirst && tokens === 0) tokens = event.index;
        if (event.index > tokens) throw new Error(`Expected token ${tokens}, got token ${event.index}`);
        if (event.index < tokens) return false;
        tokens += 1;
        return true;
      case "embedding":
        if (event.index > vectors) throw new Error(`Expected vector ${vectors}, got vector ${event.index}`);
        if (event.index < vectors) return false;
        vectors += 1;
        return true;
      case "finished":
      case "failed":
      case "cancelled":
        ended = true;
        return true;
      case "started":
      case "parked":
      case "progress":
      case "prompt_logprobs":
        return true;
    }
  }

  return {
    get worker() {
      return worker;
    },
    get file() {
      return file;
    },
    take(record) {
      if (record.kind === "fence") return takeFence(record);
      const isOfAnother = attempt !== undefined && !attempts.has(record.attempt);
      if (!isNext(record)) return nothing;
      if (record.kind === "output") file = fileIn(record);
      const moved = tokens > 0 && (isOfAnother || record.kind === "engine_lost");
      return { events: record.kind === "events" ? record.events.filter(isNew) : [], moved };
    },
  };
}
