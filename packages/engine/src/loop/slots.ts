// Defines a slot: its states, the contents of its KV cache, and the job bound to it. Every change of state goes through transition().
import type { SlotStateName, SlotStatus, StoppedBy } from "@waggle/protocol";
import { adapterKey, cacheScopeOf } from "./adapters.ts";
import type { HeldEntry, KvSnapshot } from "../port/backend.ts";
import type { PromptChunk } from "../port/entries.ts";
import { createHeld, type HeldList } from "./held.ts";
import type { JobFailure } from "../port/messages.ts";
import { scoresPrompt, type PreparedGenerate } from "../sequence/prepare.ts";
import type { Accepted, Sequence } from "../sequence/sequence.ts";

export type SlotPhase = SlotStateName;

export type SlotEvent =
  /** A job takes the slot. */
  | "bind"
  /** The last prompt token was computed and the first token sampled. */
  | "prompt_computed"
  /** The context pool is full: the job leaves its cache, and keeps the slot. */
  | "park"
  /** There is room for the parked job again. */
  | "unpark"
  /** The job has ended, or must end; no further step includes the slot. */
  | "release"
  /** The backend has ended the job. */
  | "released";

/** How the job in a releasing slot ends. */
export type Ending =
  | { readonly kind: "finished"; readonly by: StoppedBy }
  /** `atPass`: number of forward passes that had ended when the cancel arrived. */
  | { readonly kind: "cancelled"; readonly atPass: number }
  | { readonly kind: "failed"; readonly failure: JobFailure };

/** A job that has its slot and has not begun yet, or was parked. */
export interface PendingStart {
  /** Length of the prefix that the slot's cache and the job's prompt share. */
  keepTokens: number;
  /** Result of replaying the job's earlier output; empty for a new job, and undefined for a parked job, which has begun before. */
  readonly replayed: Accepted | undefined;
  /** Slots that were saved for this job. Each slot is saved at most once: otherwise useless snapshots could keep the job from beginning. */
  readonly saved: Set<Slot>;
}

export interface Slot {
  readonly id: number;
  state: SlotPhase;
  /** What the slot's KV cache holds, also when idle. While the slot prefills, this is the computed part of the prompt. */
  held: HeldList;
  /** Only jobs of this cache scope may reuse `held`. */
  cacheScope: string | undefined;
  sessionId: string | undefined;
  /** Number of the pass after which the slot was last freed; -1 before the first job. */
  lastUsed: number;
  /** The entries that are fed before the job samples; empty when idle. */
  prompt: readonly HeldEntry[];
  /** The pictures in `prompt`. */
  chunks: readonly PromptChunk[];
  /** Number of tokens of the prompt alone: `prompt` of a resumed job also contains the earlier output. */
  promptTokens: number;
  /** Key of the job's choice of adapters. */
  adapters: string;
  /** The slot's job requests logprobs of the prompt. */
  scores: boolean;
  /** Number of prompt tokens, from the first, whose logprobs were sent. */
  scoredTokens: number;
  /** Counts the jobs that got a slot: the job with the higher number started later. */
  startOrder: number;
  /** When the job was parked, or continued, last. */
  parkedAtMs: number | undefined;
  /** Prompt tokens of other slots that were computed while this prompt waited. */
  agingTokens: number;
  /** True when the cache of an idle slot is saved, or not worth saving; undefined before the check. */
  writtenBehind: boolean | undefined;
  /** The job's work; undefined when idle. For a parked job, it includes the output so far. */
  prepared: PreparedGenerate | undefined;
  /** Set until the slot's job begins, and while it is parked. Until then the KV cache does not change, except for loaded snapshots. */
  pending: PendingStart | undefined;
  sequence: Sequence | undefined;
  ending: Ending | undefined;
}

/** @throws Error when this event is impossible in this state, which is a defect of the caller */
export function transition(state: SlotPhase, event: SlotEvent): SlotPhase {
  switch (state) {
    case "idle":
      if (event === "bind") return "prefilling";
      break;
    case "prefilling":
      if (event === "prompt_computed") return "decoding";
      if (event === "park") return "parked";
      if (event === "release") return "releasing";
      break;
    case "decoding":
      if (event === "park") return "parked";
      if (event === "release") return "releasing";
      break;
    case "parked":
      if (event === "unpark") return "prefilling";
      if (event === "release") return "releasing";
      break;
    case "releasing":
      if (event === "released") return "idle";
      break;
  }
  throw new Error(`Cannot apply "${event}" to a slot: it is ${state}`);
}

export function createSlots(count: number): readonly Slot[] {
  return Array.from({ length: count }, (_, id) => ({
    id,
    state: "idle",
    held: createHeld(),
    cacheScope: undefined,
    sessionId: undefined,
    lastUsed: -1,
    prompt: [],
    chunks: [],
    promptTokens: 0,
    adapters: "",
    scores: false,
    scoredTokens: 0,
    startOrder: 0,
    parkedAtMs: undefined,
    agingTokens: 0,
    writtenBehind: undefined,
    prepared: undefined,
    pending: undefined,
    sequence: undefined,
    ending: undefined,
  }));
}

export interface Binding {
  readonly prepared: PreparedGenerate;
  readonly sequence: Sequence;
  /** Length of the prefix that the slot's cache and the job's prompt share. */
  readonly keepTokens: number;
  readonly replayed: Accepted;
  readonly startOrder: number;
}

/** Binds the job to the slot; the slot's cache does not change until the job begins. */
export function bindSlot(slot: Slot, { prepared, sequence, keepTokens, replayed, startOrder }: Binding): void {
  slot.state = transition(slot.state, "bind");
  slot.prepared = prepared;
  slot.prompt = prepared.prompt;
  slot.chunks = prepared.chunks;
  slot.promptTokens = prepared.promptTokens;
  slot.adapters = adapterKey(prepared.sampling);
  slot.scores = scoresPrompt(prepared.job);
  slot.scoredTokens = 0;
  slot.startOrder = startOrder;
  slot.parkedAtMs = undefined;
  slot.agingTokens = 0;
  slot.pending = { keepTokens, saved: new Set(), replayed };
  slot.sequence = sequence;
}

/** Records that the backend has begun the job, and kept only the first `keepTokens` tokens, with which the prompt begins. */
export function beginSlot(slot: Slot, keepTokens: number): void {
  const prepared = preparedOf(slot);
  slot.pending = undefined;
  slot.held.cut(keepTokens);
  slot.cacheScope = cacheScopeOf(prepared);
  slot.sessionId = prepared.job.sessionId;
}

/**
 * Takes a job that has begun out of the passes. The slot keeps the job and its sequence, so that nothing has to be replayed: the job returns like a
 * resumed job, whose prompt includes the output so far.
 */
export function parkSlot(slot: Slot, atMs: number): void {
  if (slot.state === "decoding") {
    const { held, promptTokens } = slot;
    const { ids, lastToken } = sequenceOf(slot);
    // The last token was sampled and not fed yet.
    const prompt = [...held.entries, lastToken];
    const discarded = promptTokens + ids.length - prompt.length;
    const prepared = preparedOf(slot);
    const sampling = { ...prepared.sampling, priorOutput: { ids: [...ids], discarded, promptTokens } };
    slot.prepared = { ...prepared, prompt, reusableTokens: prompt.length - 1, sampling };
    slot.prompt = prompt;
    slot.scores = false;
  }
  slot.state = transition(slot.state, "park");
  slot.parkedAtMs = atMs;
  slot.agingTokens = 0;
  slot.pending = { keepTokens: 0, saved: new Set(), replayed: undefined };
}

/** Records that the backend loaded a snapshot. @param state undefined when the snapshot was damaged, so that the slot is empty */
export function loadSlot(slot: Slot, state: KvSnapshot | undefined): void {
  slot.held = createHeld(state?.entries);
  slot.cacheScope = state?.cacheScope;
  slot.sessionId = undefined;
}

/** Records that the backend copied the first `keep` tokens of another slot. */
export function copySlot(from: Slot, to: Slot, keep: number): void {
  to.held = createHeld(from.held.reusable.slice(0, keep));
  to.cacheScope = from.cacheScope;
  to.sessionId = undefined;
}

/** Excludes the slot from all further steps. The first ending counts: a cancel after the finish has no effect. */
export function releaseSlot(slot: Slot, ending: Ending): void {
  if (slot.state === "releasing") return;
  slot.state = transition(slot.state, "release");
  slot.ending = ending;
}

/** Makes the slot idle. Its cache stays, except for the tokens that a shift has moved. */
export function freeSlot(slot: Slot, pass: number): void {
  slot.state = transition(slot.state, "released");
  slot.held.cut(slot.held.reusable.length);
  slot.lastUsed = pass;
  slot.writtenBehind = undefined;
  slot.prompt = [];
  slot.chunks = [];
  slot.promptTokens = 0;
  slot.prepared = undefined;
  slot.pending = undefined;
  slot.sequence = undefined;
  slot.ending = undefined;
}

export function slotStatus(slot: Slot): SlotStatus {
  return {
    id: slot.id,
    state: slot.state,
    ...(slot.sequence === undefined ? {} : { job_id: slot.sequence.jobId }),
    prompt_tokens: slot.promptTokens,
    tokens: slot.sequence?.completionTokens ?? 0,
  };
}

/** @throws Error when the slot is idle, which is a defect of the caller */
export function preparedOf(slot: Slot): PreparedGenerate {
  if (slot.prepared === undefined) throw new Error(`Cannot run slot ${slot.id}: no job is bound to it`);
  return slot.prepared;
}

/** @throws Error when the slot is idle, which is a defect of the caller */
export function sequenceOf(slot: Slot): Sequence {
  if (slot.sequence === undefined) throw new Error(`Cannot run slot ${slot.id}: no job is bound to it`);
  return slot.sequence;
}
