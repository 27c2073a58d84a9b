// Reads a job's records for the worker that continues the job: the output so far, the model's file, crashes, and whether the job has ended.
import type { JobEvent, PriorOutput } from "@waggle/engine";
import type { Connected } from "../nats/connection.ts";
import { eventsStream } from "../nats/names.ts";
import { decode, type EventRecord, type FleetModelFile } from "../queue/records.ts";

/** Time limit for reading all records of a job. */
const readTimeoutMs = 3_000;

export interface JobHistory {
  /** The sequence of the job's last record; 0 without records. */
  readonly last: number;
  readonly said: PriorOutput;
  /** For embed and rerank jobs: how many of the job's texts are computed, counted from the first. */
  readonly computed: number;
  /** The model file that computed the tokens or vectors; undefined before the first of them. */
  readonly file: FleetModelFile | undefined;
  readonly ended: boolean;
  /** Number of engines in a row that died while running the job, without new output. */
  readonly silentDeaths: number;
  /** Number of workers in a row that took the job and were lost without new output. */
  readonly silentWorkers: number;
  /** Whether part of the output is missing, because NATS has deleted its records by age. */
  readonly incomplete: boolean;
  /** Time of the last record, in milliseconds since 1970; 0 without records. */
  readonly lastAt: number;
}

export const noHistory: JobHistory = {
  last: 0,
  said: { ids: [], events: 0 },
  computed: 0,
  file: undefined,
  ended: false,
  silentDeaths: 0,
  silentWorkers: 0,
  incomplete: false,
  lastAt: 0,
};

export interface HistoryReader {
  /** Adds the next record of the job. */
  take(record: EventRecord, at: { readonly sequence: number; readonly ms: number }): void;
  history(): JobHistory;
}

export function createHistoryReader(): HistoryReader {
  let { last, computed, file, ended, silentDeaths, silentWorkers, incomplete, lastAt } = noHistory;
  let ids: number[] = [];
  let events = 0;
  /** The model file of the worker that has the job. */
  let present: FleetModelFile | undefined;

  function onOutput(): void {
    silentDeaths = silentWorkers = 0;
    file ??= present;
  }

  function takeEvent(event: JobEvent): void {
    switch (event.type) {
      case "token":
        if (event.index < events) return;
        incomplete ||= event.index > events;
        events = event.index + 1;
        for (const id of event.ids) ids.push(id);
        return onOutput();
      case "embedding":
        if (event.index < computed) return;
        computed = event.index + 1;
        return onOutput();
      case "finished":
      case "failed":
      case "cancelled":
        ended = true;
        return;
      case "started":
      case "progress":
      case "prompt_logprobs":
        return;
    }
  }

  return {
    take(record, { sequence, ms }) {
      last = sequence;
      lastAt = ms;
      switch (record.kind) {
        case "fence": {
          const { modelSha256, templateSha256, modelFile } = record;
          present = { modelSha256, templateSha256, modelFile };
          silentWorkers += 1;
          return;
        }
        case "engine_lost":
          silentDeaths = record.silentDeaths;
          silentWorkers = 0;
          return;
        case "said": {
          const { modelSha256, templateSha256, modelFile, said, left } = record;
          present = { modelSha256, templateSha256, modelFile };
          ids = [...said.ids];
          ({ events } = said);
          incomplete = false;
          if (events > 0) onOutput();
          else if (left === true) silentWorkers = Math.max(0, silentWorkers - 1);
          return;
        }
        case "events":
          return record.events.forEach(takeEvent);
      }
    },
    history: () => ({
      last,
      said: { ids, events },
      computed,
      file,
      ended,
      silentDeaths,
      silentWorkers,
      incomplete,
      lastAt,
    }),
  };
}

/** Reads all records so far. @throws Error when NATS does not answer, or deletes records while they are read */
export async function readHistory({ js, jsm }: Connected, subject: string): Promise<JobHistory> {
  const last = await jsm.streams.getMessage(eventsStream, { last_by_subj: subject });
  if (last === null) return noHistory;
  const reader = createHistoryReader();
  const consumer = await js.consumers.get(eventsStream, { filter_subjects: subject });
  const messages = await consumer.consume({ max_messages: 1_000 });
  const timer = setTimeout(() => void messages.close(), readTimeoutMs);
  try {
    for await (const { seq, data, timestamp } of messages) {
      reader.take(decode<EventRecord>(data), { sequence: seq, ms: Date.parse(timestamp) });
      if (seq >= last.seq) return reader.history();
    }
  } finally {
    clearTimeout(timer);
    void consumer.delete().catch(() => false);
  }
  throw new Error("NATS did not deliver the job's records in time");
}
