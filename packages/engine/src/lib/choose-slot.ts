// Owns the choice of a slot for a job: how much computing a cached prefix saves against what a batch split costs.
import type { Token } from "./backend.ts";
import { commonPrefix } from "./common-prefix.ts";
import type { Slot } from "./slots.ts";

/**
 * What one more batch split costs, in prompt tokens. llama.cpp splits a batch where the slot numbers do, so a
 * batch split is another forward pass in each step for as long as it lasts; a shorter prefix than this is computed sooner
 * than that is paid.
 */
export const holeCostTokens = 32;

/**
 * Fewer common tokens are no reason to take a slot: every prompt begins with the model's first token and its template's
 * first words, and the slot that was used last would lose its conversation for them, each time.
 */
const leastPrefixTokens = 8;

/** More than any count of tokens: a session's own slot comes before every other. */
const ownSlotScore = 2 ** 40;

export type CandidateSlot = Pick<Slot, "id" | "state" | "cached" | "cacheScope" | "sessionId" | "lastUsed">;

export interface SlotSeeker {
  readonly prompt: readonly Token[];
  /** How many of its first tokens a cache may give; by default all but the one that sampling needs computed. */
  readonly reusableTokens?: number;
  readonly cacheScope: string;
  readonly sessionId?: string | undefined;
}

export interface SlotChoice<S> {
  readonly slot: S;
  /**
   * How much of the slot's cache the job keeps.
   */
  readonly keepTokens: number;
}

/**
 * The idle slot that suits this prompt best, or undefined when none is idle.
 *
 * A session returns to the slot that still holds its conversation. Otherwise the saved tokens count against the batch splits
 * that the choice makes; where that is equal the slot unused for longest goes, so that others' conversations stay
 * warm, and then the lowest.
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

/** Never across scopes: how fast an answer begins would tell one client what another has asked. */
function reusableTokens(slot: CandidateSlot, seeker: SlotSeeker): number {
  if (slot.cacheScope !== seeker.cacheScope) return 0;
  return commonPrefix(slot.cached, seeker.prompt, seeker.reusableTokens ?? seeker.prompt.length - 1);
}

/** The session's own slot, and the prompt goes on from the larger part of what it holds. */
function holdsSession(slot: CandidateSlot, seeker: SlotSeeker, keepTokens: number): boolean {
  return (
    seeker.sessionId !== undefined &&
    slot.sessionId === seeker.sessionId &&
    keepTokens > 0 &&
    keepTokens * 2 >= slot.cached.length
  );
}

/** Runs of neighbouring busy slots, were this one busy too: each is a forward pass. */
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
