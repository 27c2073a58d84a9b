// Owns what a job's records say when a worker takes it over: what it has told, from which file, how engines died under it, and whether it is over.
import type { JobEvent, SaidTokens } from "@waggle/engine";
import type { Connected } from "./connection.ts";
import { eventsStream } from "./names.ts";
import { decode, type EventRecord, type FleetModelFile } from "./records.ts";

/** For all records of a job to come. */
const readTimeoutMs = 3_000;

export interface JobHistory {
  /** The subject's last sequence; 0 where there is none. */
  readonly last: number;
  readonly said: SaidTokens;
  /** Of a job of texts: how many of its first ones are computed. */
  readonly computed: number;
  /** What the tokens, or the vectors, came from; undefined before there is any. */
  readonly file: FleetModelFile | undefined;
  readonly ended: boolean;
  /** Engines in a row that died under it without anything new. */
  readonly silentDeaths: number;
  /** Workers in a row that took it and were lost before anything new came. */
  readonly silentWorkers: number;
  /** What was told is not whole: records were too old to be there. */
  readonly incomplete: boolean;
  /** Of the last record, in milliseconds since 1970; 0 where there is none. */
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
  /** The next record of the subject. */
  take(record: EventRecord, at: { readonly sequence: number; readonly ms: number }): void;
  history(): JobHistory;
}

export function createHistoryReader(): HistoryReader {
  let { last, computed, file, ended, silentDeaths, silentWorkers, incomplete, lastAt } = noHistory;
  let ids: number[] = [];
  let events = 0;
  /** Of the worker that has it. */
  let present: FleetModelFile | undefined;

  function speak(): void {
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
        return speak();
      case "embedding":
        if (event.index < computed) return;
        computed = event.index + 1;
        return speak();
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
          if (events > 0) speak();
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

/** All that is there now. @throws Error when NATS does not answer, or the records go while they are read */
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
  throw new Error("What the job has said did not come");
}
