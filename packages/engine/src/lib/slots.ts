// Owns a slot: its states, what its KV cache holds, and the job bound to it. Every change of state passes through
// transition().
import type { SlotStateName, SlotStatus } from "@waggle/protocol";
import type { Token } from "./backend.ts";
import type { JobFailure } from "./messages.ts";
import type { PreparedJob } from "./prepare.ts";
import type { Sequence } from "./sequence.ts";

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
  | { readonly kind: "finished"; readonly reason: "stop" | "length" }
  /** `atPass`: forward passes that had ended when the command came. */
  | { readonly kind: "cancelled"; readonly atPass: number }
  | { readonly kind: "failed"; readonly failure: JobFailure };

export interface Slot {
  readonly id: number;
  state: SlotState;
  /** Exactly what the slot's KV cache holds, also when idle. While prefilling it is the computed part of the prompt. */
  cached: Token[];
  /** Whose tokens `cached` are: nobody outside this scope may profit from them. */
  cacheScope: string | undefined;
  sessionId: string | undefined;
  /** The pass after which the slot was last freed; -1 if it never worked. */
  lastUsed: number;
  /** Of the job in it; empty when idle. */
  prompt: readonly Token[];
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
    cacheScope: undefined,
    sessionId: undefined,
    lastUsed: -1,
    prompt: [],
    sequence: undefined,
    ending: undefined,
  }));
}

/** Gives the slot to a job whose first `keepTokens` prompt tokens are the first ones in its cache. */
export function bindSlot(slot: Slot, prepared: PreparedJob, keepTokens: number, sequence: Sequence): void {
  slot.state = transition(slot.state, "bind");
  slot.cached.length = keepTokens;
  slot.cacheScope = prepared.job.cacheScope;
  slot.sessionId = prepared.job.sessionId;
  slot.prompt = prepared.prompt;
  slot.sequence = sequence;
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

/** The slot is anybody's again; what it has cached stays. */
export function freeSlot(slot: Slot, pass: number): void {
  slot.state = transition(slot.state, "released");
  slot.lastUsed = pass;
  slot.prompt = [];
  slot.sequence = undefined;
  slot.ending = undefined;
}

export function slotStatus(slot: Slot): SlotStatus {
  return {
    id: slot.id,
    state: slot.state,
    ...(slot.sequence === undefined ? {} : { job_id: slot.sequence.jobId }),
    prompt_tokens: slot.prompt.length,
    tokens: slot.sequence?.completionTokens ?? 0,
  };
}

/** @throws Error when the slot is idle, which is a defect of the caller */
export function sequenceOf(slot: Slot): Sequence {
  if (slot.sequence === undefined) throw new Error(`Cannot run slot ${slot.id}: no job is bound to it`);
  return slot.sequence;
}
