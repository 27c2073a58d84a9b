// Reads a job's records for the worker that continues the job: the output so far, the model's file, crashes, and whether the job has ended.
import type { JobEvent } from "@waggle/engine";
import { addTokens, newOutput, type OutputSoFar } from "@waggle/jobs";
import type { Broker } from "../broker/port.ts";
import { decode, fileIn, type EventRecord, type FleetModelFile } from "../queue/records.ts";

export interface JobHistory {
  /** The sequence of the job's last record; 0 without records. */
  readonly last: number;
  readonly output: OutputSoFar;
  /** For embed, rerank and decide jobs: how many of the job's texts or readings are computed, counted from the first. */
  readonly computed: number;
  /** The model file that computed the tokens or vectors; undefined before the first of them. */
  readonly file: FleetModelFile | undefined;
  readonly ended: boolean;
  /** Number of engines in a row that died while running the job, without new output. The workers' jobs count; no new count begins here. */
  readonly enginesLost: number;
  /** Number of workers in a row that took the job and were lost without new output. */
  readonly silentWorkers: number;
  /** Whether part of the output is missing, because the broker has deleted its records by age. */
  readonly incomplete: boolean;
  /** The broker's time of the last record, in milliseconds since 1970; 0 without records. */
  readonly lastAt: number;
}

export interface HistoryReader {
  /** Adds the next record of the job. */
  take(record: EventRecord, at: { readonly sequence: number; readonly ms: number }): void;
  readonly history: JobHistory;
}

export function createHistoryReader(): HistoryReader {
  const history: Mutable<JobHistory> = {
    last: 0,
    output: newOutput(),
    computed: 0,
    file: undefined,
    ended: false,
    enginesLost: 0,
    silentWorkers: 0,
    incomplete: false,
    lastAt: 0,
  };
  /** The model file of the worker that has the job. */
  let present: FleetModelFile | undefined;

  function onNewOutput(): void {
    history.enginesLost = history.silentWorkers = 0;
    history.file ??= present;
  }

  function takeEvent(event: JobEvent): void {
    const { output } = history;
    switch (event.type) {
      case "token":
        if (event.index < output.events) return;
        history.incomplete ||= event.index > output.events;
        output.events = event.index;
        addTokens(output, event.ids);
        return onNewOutput();
      case "embedding":
        if (event.index < history.computed) return;
        history.computed = event.index + 1;
        return onNewOutput();
      case "finished":
      case "failed":
      case "cancelled":
        history.ended = true;
        return;
      case "started":
      case "parked":
      case "progress":
      case "prompt_logprobs":
        return;
    }
  }

  /** A repetition is new output only if the records of that output have expired. */
  function takeOutput({ output, givenBack }: Extract<EventRecord, { kind: "output" }>): void {
    const isNew = output.events > history.output.events;
    history.output = newOutput(output);
    history.incomplete = false;
    if (output.events > 0) history.file ??= present;
    if (isNew) onNewOutput();
    else if (givenBack === true) history.silentWorkers = Math.max(0, history.silentWorkers - 1);
  }

  return {
    history,
    take(record, { sequence, ms }) {
      history.last = sequence;
      history.lastAt = ms;
      if (record.kind === "fence" || record.kind === "output") present = fileIn(record);
      switch (record.kind) {
        case "fence":
          history.silentWorkers += 1;
          return;
        case "engine_lost":
          history.enginesLost = record.enginesLost;
          history.silentWorkers = 0;
          return;
        case "output":
          return takeOutput(record);
        case "events":
          return record.events.forEach(takeEvent);
      }
    },
  };
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Reads all records so far. @throws WaggleError unavailable; Error for a record that is not from a member */
export async function readHistory({ events }: Broker, topic: string): Promise<JobHistory> {
  const reader = createHistoryReader();
  for (const { sequence, data, at } of await events.read(topic)) {
    reader.take(decode<EventRecord>(data), { sequence, ms: at });
  }
  return reader.history;
}
