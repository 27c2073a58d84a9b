// Owns what the records of one sequence say that is new: whose they are, whether they are whole, and the engine's events in them. It knows no
// NATS and no job.
import type { JobEvent } from "@waggle/engine";
import type { EventRecord, FleetModelFile } from "@waggle/fleet";

export interface SequenceRecords {
  /** Whoever runs it, or ran it last. */
  readonly worker: string | undefined;
  /** What it runs from. */
  readonly file: FleetModelFile | undefined;
  /** A worker has taken it. */
  readonly taken: boolean;
  /** Token events so far. */
  readonly tokens: number;
  /** @throws Error when something is missing between the record before and this one */
  take(record: EventRecord): News;
}

export interface News {
  readonly events: readonly JobEvent[];
  /** It had spoken, and goes on under another engine or worker. */
  readonly moved: boolean;
}

const nothing: News = { events: [], moved: false };

/** @param anyFirst its first records may be too old to be there: its tokens begin with whichever comes first */
export function createSequenceRecords(anyFirst = false): SequenceRecords {
  let worker: string | undefined;
  let file: FleetModelFile | undefined;
  let attempt: string | undefined;
  /** Undefined: none of this attempt's records has come, and its first one may be any where its fence was not heard. */
  let serial: number | undefined;
  let tokens = 0;
  let vectors = 0;
  let ended = false;

  function noteFile({ modelSha256, templateSha256, modelFile }: FleetModelFile): void {
    file = { modelSha256, templateSha256, modelFile };
  }

  function takeFence(record: Extract<EventRecord, { kind: "fence" }>): News {
    const moved = tokens > 0 && record.attempt !== attempt;
    worker = record.worker;
    noteFile(record);
    attempt = record.attempt;
    serial = 0;
    return { events: [], moved };
  }

  /** Whether it is the attempt's next one; one that has come before is not. */
  function isNext(record: Exclude<EventRecord, { kind: "fence" }>): boolean {
    // Its fence was too old to be there.
    attempt ??= record.attempt;
    if (record.attempt !== attempt) return false;
    serial ??= record.serial;
    if (record.serial > serial) throw new Error(`Record ${record.serial} of an attempt where ${serial} was due`);
    if (record.serial < serial) return false;
    serial += 1;
    return true;
  }

  /** What another attempt has told already is told once. */
  function isNew(event: JobEvent): boolean {
    if (ended) return false;
    switch (event.type) {
      case "token":
        if (anyFirst && tokens === 0) tokens = event.index;
        if (event.index > tokens) throw new Error(`Token ${event.index} where ${tokens} was due`);
        if (event.index < tokens) return false;
        tokens += 1;
        return true;
      case "embedding":
        if (event.index < vectors) return false;
        vectors = event.index + 1;
        return true;
      case "finished":
      case "failed":
      case "cancelled":
        ended = true;
        return true;
      case "started":
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
    get taken() {
      return attempt !== undefined;
    },
    get tokens() {
      return tokens;
    },
    take(record) {
      if (record.kind === "fence") return takeFence(record);
      if (!isNext(record)) return nothing;
      if (record.kind === "said") {
        noteFile(record);
        return nothing;
      }
      if (record.kind === "engine_lost") return { events: [], moved: tokens > 0 };
      return { events: record.events.filter(isNew), moved: false };
    },
  };
}
