// Owns a slot: its states, what its KV cache holds, and the job bound to it. Every change of state passes through
// transition().
import type { SlotStateName, SlotStatus, StoppedBy } from "@waggle/protocol";
import { adapterKey, cacheScopeOf } from "./adapters.ts";
import type { SavedState, Token } from "./backend.ts";
import type { ContextShift } from "./context-shift.ts";
import type { JobFailure } from "./messages.ts";
import { scoresPrompt, type PreparedGenerate } from "./prepare.ts";
import type { Accepted, Sequence } from "./sequence.ts";

export type SlotState = SlotStateName;

export type SlotEvent =
  /** A job takes the slot. */
  | "bind"
  /** The last prompt token was computed and the first token sampled. */
  | "prompt_computed"
  /** The job has ended, or is to end; no further step includes the slot. */
  | "release"
  /** The backend let go of the job. */
  | "released";

/** How the job in a releasing slot ends. */
export type Ending =
  | { readonly kind: "finished"; readonly by: StoppedBy }
  /** `atPass`: forward passes that had ended when the command came. */
  | { readonly kind: "cancelled"; readonly atPass: number }
  | { readonly kind: "failed"; readonly failure: JobFailure };

/** A job that has its slot and has not begun. */
export interface PendingStart {
  readonly prepared: PreparedGenerate;
  /** How much of the slot's cache is the beginning of its prompt. */
  readonly keepTokens: number;
  /** What came of what it has said already; nothing for a job that is new. */
  readonly replayed: Accepted;
  /** Slots that were saved for it. Once each: whatever becomes of their states, the job begins. */
  readonly saved: ReadonlySet<Slot>;
}

export interface Slot {
  readonly id: number;
  state: SlotState;
  /** Exactly what the slot's KV cache holds, also when idle. While prefilling it is the computed part of the prompt. */
  cached: Token[];
  /**
   * How many of the first tokens in `cached` no shift has moved: the others still know of tokens that are gone, so no other job may
   * have them. Infinity before a shift.
   */
  unshifted: number;
  /** Whose tokens `cached` are: nobody outside this scope may profit from them. */
  cacheScope: string | undefined;
  sessionId: string | undefined;
  /** The pass after which the slot was last freed; -1 if it never worked. */
  lastUsed: number;
  /** What is fed before the job in it samples; empty when idle. */
  prompt: readonly Token[];
  /** Of the prompt alone: a job that goes on is fed what it has said as well. */
  promptTokens: number;
  /** Which adapters its job has chosen. */
  adapters: string;
  /** Its prompt's logprobs are wanted. */
  scores: boolean;
  /** Prompt tokens of others that were computed while this prompt waited. */
  agingTokens: number;
  /** The pass in which it decoded last, in this job or an earlier one. */
  lastDecoded: number;
  /** What an idle slot holds is saved, or not worth it; undefined until somebody has looked. */
  writtenBehind: boolean | undefined;
  /** Present until the job in it begins: nothing of it has touched the KV cache. */
  pending: PendingStart | undefined;
  sequence: Sequence | undefined;
  ending: Ending | undefined;
}

/** @throws Error when a slot in this state cannot meet this event, which is a defect of the caller */
export function transition(state: SlotState, event: SlotEvent): SlotState {
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
    cached: [],
    unshifted: Infinity,
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

/** Gives the slot to a job; what the slot has cached stays as it is until the job begins. */
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

/** The job in the slot begins: its first `keepTokens` prompt tokens are the first ones of the slot's cache. */
export function beginSlot(slot: Slot, prepared: PreparedGenerate, keepTokens: number): void {
  slot.pending = undefined;
  slot.cached.length = keepTokens;
  slot.cacheScope = cacheScopeOf(prepared);
  slot.sessionId = prepared.job.sessionId;
}

/** Follows the backend's load of a saved state; undefined: it was damaged, and the slot holds nothing. */
export function loadSlot(slot: Slot, state: SavedState | undefined): void {
  slot.cached = [...(state?.tokens ?? [])];
  slot.cacheScope = state?.cacheScope;
  slot.sessionId = undefined;
}

/** What other jobs may have of the slot's cache. */
export function reusablePart({ cached, unshifted }: Pick<Slot, "cached" | "unshifted">): readonly Token[] {
  return unshifted < cached.length ? cached.slice(0, unshifted) : cached;
}

/**
 * Takes the slot out of all further steps. The first ending stands: a job that has finished can no longer be
 * cancelled.
 */
export function releaseSlot(slot: Slot, ending: Ending): void {
  if (slot.state === "releasing") return;
  slot.state = transition(slot.state, "release");
  slot.ending = ending;
}

/** Follows the backend's shift: forgets `discard` tokens after the first `keep`. */
export function shiftSlot(slot: Slot, { keep, discard }: ContextShift): void {
  slot.cached.splice(keep, discard);
  slot.unshifted = Math.min(slot.unshifted, keep);
}

/** The slot is anybody's again; what it has cached stays, but for what a shift has moved. */
export function freeSlot(slot: Slot, pass: number): void {
  slot.state = transition(slot.state, "released");
  slot.cached.length = Math.min(slot.cached.length, slot.unshifted);
  slot.unshifted = Infinity;
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
