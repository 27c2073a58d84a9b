// Defines a slot: its states, the contents of its KV cache, and the job bound to it. Every change of state goes through transition().
import type { SlotStateName, SlotStatus, StoppedBy } from "@waggle/protocol";
import { adapterKey, cacheScopeOf } from "./adapters.ts";
import type { KvSnapshot, Token } from "../port/backend.ts";
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

/** A job that has its slot and has not begun yet. */
export interface PendingStart {
  readonly prepared: PreparedGenerate;
  /** Length of the prefix that the slot's cache and the job's prompt share. */
  keepTokens: number;
  /** Result of replaying the job's earlier output; empty for a new job. */
  readonly replayed: Accepted;
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
  /** The tokens that are fed before the job samples; empty when idle. */
  prompt: readonly Token[];
  /** Number of tokens of the prompt alone: `prompt` of a resumed job also contains the earlier output. */
  promptTokens: number;
  /** Key of the job's choice of adapters. */
  adapters: string;
  /** The slot's job requests logprobs of the prompt. */
  scores: boolean;
  /** Prompt tokens of other slots that were computed while this prompt waited. */
  agingTokens: number;
  /** The pass in which the slot last decoded, for this job or an earlier one. */
  lastDecoded: number;
  /** True when the cache of an idle slot is saved, or not worth saving; undefined before the check. */
  writtenBehind: boolean | undefined;
  /** Set until the slot's job begins. Until then the KV cache does not change, except for loaded snapshots. */
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
      if (event === "release") return "releasing";
      break;
    case "decoding":
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
    promptTokens: 0,
    adapters: "",
    scores: false,
    agingTokens: 0,
    lastDecoded: 0,
    writtenBehind: undefined,
    pending: undefined,
    sequence: undefined,
    ending: undefined,
  }));
}

/** Binds the job to the slot; the slot's cache does not change until the job begins. */
export function bindSlot(slot: Slot, pending: PendingStart, sequence: Sequence): void {
  slot.state = transition(slot.state, "bind");
  slot.prompt = pending.prepared.prompt;
  slot.promptTokens = pending.prepared.promptTokens;
  slot.adapters = adapterKey(pending.prepared.sampling);
  slot.scores = scoresPrompt(pending.prepared.job);
  slot.agingTokens = 0;
  slot.pending = pending;
  slot.sequence = sequence;
}

/** Records that the backend has begun the job, and kept only the first `keepTokens` tokens, with which the prompt begins. */
export function beginSlot(slot: Slot, prepared: PreparedGenerate, keepTokens: number): void {
  slot.pending = undefined;
  slot.held.cut(keepTokens);
  slot.cacheScope = cacheScopeOf(prepared);
  slot.sessionId = prepared.job.sessionId;
}

/** Records that the backend loaded a snapshot. @param state undefined when the snapshot was damaged, so that the slot is empty */
export function loadSlot(slot: Slot, state: KvSnapshot | undefined): void {
  slot.held = createHeld(state?.tokens);
  slot.cacheScope = state?.cacheScope;
  slot.sessionId = undefined;
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
  slot.promptTokens = 0;
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
export function sequenceOf(slot: Slot): Sequence {
  if (slot.sequence === undefined) throw new Error(`Cannot run slot ${slot.id}: no job is bound to it`);
  return slot.sequence;
}
