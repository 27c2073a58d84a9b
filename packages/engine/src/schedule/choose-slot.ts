// Chooses a slot for a job: weighs the tokens that a cached prefix saves against the cost of a batch split.
import type { HeldEntry } from "../port/kv.ts";
import { commonPrefix } from "../kv/common-prefix.ts";
import type { Slot } from "./slots.ts";

/**
 * Cost of one more batch split, in prompt tokens. llama.cpp splits a batch where the slot numbers have a gap, and each split
 * adds a forward pass to every step while slots on both sides of the gap decode. Computing a shorter prefix again is cheaper than a split.
 */
export const holeCostTokens = 32;

/**
 * A slot is chosen for its cache only with at least this many common tokens. All prompts begin with the same few tokens of the
 * template, and a slot with a conversation should not be taken for these alone.
 */
const leastPrefixTokens = 8;

/** Larger than any number of tokens, so that the session's slot comes before every other slot. */
const ownSlotScore = 2 ** 40;

export type CandidateSlot = Pick<Slot, "id" | "state" | "held" | "cacheScope" | "sessionId" | "lastUsed">;

export interface SlotSeeker {
  readonly prompt: readonly HeldEntry[];
  /** Maximum number of tokens, counted from the first, that may come from a cache; by default all but the last, which sampling needs computed. */
  readonly reusableTokens?: number;
  readonly cacheScope: string;
  readonly sessionId?: string | undefined;
}

export interface SlotChoice<S> {
  readonly slot: S;
  /** Number of tokens, counted from the first, that the job keeps of the slot's cache. */
  readonly keepTokens: number;
}

/**
 * Returns the idle slot that suits this prompt best, or undefined when no slot is idle.
 * A session returns to the slot that still holds its conversation. Otherwise the saved tokens are weighed against the
 * batch splits that the choice causes. Among equal slots, the slot unused for longest wins, so that recent conversations
 * stay cached; then the lowest slot.
 * @param mayTake whether the job may take an idle slot; by default any
 */
export function chooseSlot<S extends CandidateSlot>(
  slots: readonly S[],
  seeker: SlotSeeker,
  mayTake: (slot: S) => boolean = () => true,
): SlotChoice<S> | undefined {
  const busy = slots.map((slot) => slot.state.kind !== "idle");
  let best: (SlotChoice<S> & { readonly score: number }) | undefined;
  for (const slot of slots) {
    if (slot.state.kind !== "idle" || !mayTake(slot)) continue;
    const keepTokens = reusableTokens(slot, seeker);
    const score = holdsSession(slot, seeker, keepTokens)
      ? ownSlotScore + keepTokens
      : (keepTokens < leastPrefixTokens ? 0 : keepTokens) - holeCostTokens * runsWith(busy, slot.id);
    const wins =
      best === undefined || score > best.score || (score === best.score && slot.lastUsed < best.slot.lastUsed);
    if (wins) best = { slot, keepTokens, score };
  }
  return best === undefined ? undefined : { slot: best.slot, keepTokens: best.keepTokens };
}

/** Caches are never shared across scopes: the time to the first token would reveal the prompts of one client to another. */
function reusableTokens(slot: CandidateSlot, seeker: SlotSeeker): number {
  if (slot.cacheScope !== seeker.cacheScope) return 0;
  return commonPrefix(slot.held, seeker.prompt, seeker.reusableTokens ?? seeker.prompt.length - 1);
}

/** Whether this is the session's slot and the prompt continues at least half of its cache. */
function holdsSession(slot: CandidateSlot, seeker: SlotSeeker, keepTokens: number): boolean {
  return (
    seeker.sessionId !== undefined &&
    slot.sessionId === seeker.sessionId &&
    keepTokens > 0 &&
    keepTokens * 2 >= slot.held.entries.length
  );
}

/** Counts the runs of neighbouring busy slots as if this slot were busy too: each run is a forward pass. */
function runsWith(busy: readonly boolean[], chosen: number): number {
  let runs = 0;
  let inRun = false;
  busy.forEach((isBusy, id) => {
    const takesPart = isBusy || id === chosen;
    if (takesPart && !inRun) runs += 1;
    inRun = takesPart;
  });
  return runs;
}
