// Puts jobs into slots without an engine, for tests of the schedule: through the functions that the engine calls.
import type { HeldEntry, PromptChunk } from "../port/kv.ts";
import type { SlotSampling, Token } from "../port/steps.ts";
import {
  beginSlot,
  bindSlot,
  createSlots,
  decodeSlot,
  preemptSlot,
  releaseSlot,
  runOf,
  type AnswerRun,
  type Slot,
  type SlotState,
} from "../schedule/slots.ts";
import { createHeld } from "../sequence/held.ts";
import { createSequence } from "../sequence/sequence.ts";
import { job, sampling, type GivenJob } from "./engine-harness.ts";

export interface GivenRun extends GivenJob {
  /** A slot, or the number of a new one; by default 0. */
  readonly slot?: Slot | number;
  readonly jobId?: string;
  readonly entries?: readonly HeldEntry[];
  readonly chunks?: readonly PromptChunk[];
  /** Number of entries, from the first, that the slot's cache shares with the prompt; a new slot holds exactly these. */
  readonly held?: number;
  readonly adapters?: SlotSampling["adapters"];
  /** The output of a job that decodes or decoded. The slot does not hold the last token. */
  readonly sampled?: readonly Token[];
  readonly startOrder?: number;
}

export function range(count: number, from = 0): number[] {
  return Array.from({ length: count }, (_, i) => from + i);
}

/** Makes a new slot, or one of several. */
export function slotOf(id = 0, held: readonly HeldEntry[] = []): Slot {
  const slot = createSlots(id + 1)[id] as Slot;
  slot.held = createHeld(held);
  return slot;
}

/** Brings a job to this state in a slot. */
export function runIn(state: Exclude<SlotState["kind"], "idle">, given: GivenRun = {}): AnswerRun {
  const { jobId = "a", entries = [1], chunks = [], held = 0, adapters, sampled = [9], startOrder = 1, ...work } = given;
  const slot = typeof work.slot === "object" ? work.slot : slotOf(work.slot, entries.slice(0, held));
  const base = job(jobId, "", { maxTokens: 1_000, ...work });
  const { length: promptTokens } = entries;
  const prepared = {
    ...({ kind: "generate", job: base, prompt: entries, chunks, promptTokens } as const),
    reusableTokens: promptTokens - 1,
    sampling: { ...sampling(), ...(adapters === undefined ? {} : { adapters }) },
  };
  const times = { contextSize: 100_000, startedAtMs: 0 };
  const sequence = createSequence({ ...base.work, jobId, ignoreEos: true, promptTokens, ...times });
  bindSlot(slot, { kind: "answer", prepared, sequence }, startOrder, held);
  const run = runOf(slot) as AnswerRun;
  if (state === "beginning") return run;
  beginSlot(run, held);
  if (state === "prefilling") return run;
  decodeSlot(run);
  for (const token of sampled) {
    slot.held.feed(run.target.slice(slot.held.entries.length));
    sequence.accept({ token, bytes: Uint8Array.of(97), endOfGeneration: false }, 0);
    run.target.push(token);
  }
  if (state === "preempted") preemptSlot(run, 0);
  if (state === "releasing") releaseSlot(slot, { kind: "finished", by: "end" });
  return run;
}
