// Chooses a slot for a job: compares the computing that a cached prefix saves with the cost of a batch split.
import type { Token } from "../port/backend.ts";
import { commonPrefix } from "../kv/common-prefix.ts";
import type { Slot } from "./slots.ts";

/**
 * What one more batch split costs, in prompt tokens. llama.cpp splits a batch where the slot numbers have a gap, and each
 * split adds a forward pass to every step while it lasts. Computing a shorter prefix than this is cheaper than the split.
 */
export const holeCostTokens = 32;

/**
 * A slot is chosen for its cache only with at least this many common tokens. Every prompt begins with the model's first
 * token and its template's first words; for these alone, the slot that was used last would lose its conversation each
 * time.
 */
const leastPrefixTokens = 8;

/** Larger than any count of tokens, so that a session's own slot comes before every other slot. */
const ownSlotScore = 2 ** 40;

export type CandidateSlot = Pick<Slot, "id" | "state" | "cached" | "cacheScope" | "sessionId" | "lastUsed">;

export interface SlotSeeker {
  readonly prompt: readonly Token[];
  /** How many first tokens of the prompt may come from a cache; by default all but the last, which must be computed for sampling. */
  readonly reusableTokens?: number;
  readonly cacheScope: string;
  readonly sessionId?: string | undefined;
}

export interface SlotChoice<S> {
  readonly slot: S;
  /** How many first tokens of the slot's cache the job keeps. */
  readonly keepTokens: number;
}

/**
 * Returns the idle slot that suits this prompt best, or undefined when no slot is idle.
 * A session returns to the slot that still holds its conversation. Otherwise the saved tokens are weighed against the
 * batch splits that the choice causes. Among equal slots the one unused for longest is taken, so that other conversations
 * stay cached, and then the lowest.
 */
export function chooseSlot<S extends CandidateSlot>(
  slots: readonly S[],
  seeker: SlotSeeker,
): SlotChoice<S> | undefined {
  const busy = slots.map((slot) => slot.state !== "idle");
  let best: (SlotChoice<S> & { readonly score: number }) | undefined;
  for (const slot of slots) {
    if (slot.state !== "idle") continue;
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
  return commonPrefix(slot.cached, seeker.prompt, seeker.reusableTokens ?? seeker.prompt.length - 1);
}

/** Whether this is the session's slot and the prompt continues at least half of its cache. */
function holdsSession(slot: CandidateSlot, seeker: SlotSeeker, keepTokens: number): boolean {
  return (
    seeker.sessionId !== undefined &&
    slot.sessionId === seeker.sessionId &&
    keepTokens > 0 &&
    keepTokens * 2 >= slot.cached.length
  );
}

/** Number of runs of neighbouring busy slots if this slot were busy too: each run is a forward pass. */
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
