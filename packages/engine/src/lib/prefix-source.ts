// Owns where a job's first tokens come from: its own slot's cache, a saved state, or another slot that has them or is
// about to. Pure.
import { cacheScopeOf } from "./adapters.ts";
import type { SavedState, Token } from "./backend.ts";
import { commonPrefix } from "./common-prefix.ts";
import type { PrefixStore } from "./prefix-store.ts";
import { reusablePart, type Slot } from "./slots.ts";
import type { Transfer } from "./transfer-cost.ts";

/** For fewer tokens nobody waits: other prompts may come before the one that computes them. */
const leastAwaitedTokens = 32;

export type PrefixSource =
  /** What the slot has itself. */
  | { readonly kind: "own"; readonly keepTokens: number }
  | { readonly kind: "load"; readonly state: SavedState }
  /** Another slot has it: its state is to be saved, and loaded from there. */
  | { readonly kind: "save"; readonly slot: Slot }
  /** Another slot is computing it; computing it here as well would only take longer. */
  | { readonly kind: "wait" };

export interface SourceSeeker {
  readonly slots: readonly Slot[];
  readonly store: Pick<PrefixStore, "matches">;
  readonly pays: (transfer: Transfer) => boolean;
}

/**
 * For a slot whose job has not begun. Never across scopes: how fast an answer begins would tell one client what
 * another has asked.
 */
export function findPrefixSource(target: Slot, { slots, store, pays }: SourceSeeker): PrefixSource {
  const { pending, prompt } = target;
  if (pending === undefined) throw new Error(`Cannot begin in slot ${target.id}: no job waits in it`);
  const { reusableTokens: most } = pending.prepared;
  const cacheScope = cacheScopeOf(pending.prepared);
  let best: PrefixSource = { kind: "own", keepTokens: pending.keepTokens };
  let bestLength = pending.keepTokens;

  for (const { state, length: common } of store.matches(prompt, cacheScope)) {
    const length = Math.min(most, common);
    if (pays({ gained: length - bestLength, loaded: state.tokens.length })) {
      best = { kind: "load", state };
      bestLength = length;
    }
  }
  for (const slot of slots) {
    if (slot === target || slot.cacheScope !== cacheScope || slot.state === "releasing") continue;
    if (pending.saved.has(slot)) continue;
    const held = reusablePart(slot);
    const length = commonPrefix(held, prompt, most);
    if (pays({ gained: length - bestLength, loaded: held.length, saved: held.length })) {
      best = { kind: "save", slot };
      bestLength = length;
    }
  }
  for (const slot of slots) {
    if (slot === target || slot.cacheScope !== cacheScope || slot.state !== "prefilling") continue;
    if (slot.pending !== undefined) continue;
    const length = commonPrefix(slot.prompt, prompt, most);
    // What is to be copied from this slot is better copied when it has all of it.
    const copiedAnyway = best.kind === "save" && best.slot === slot;
    const gained = length - bestLength;
    const worthIt = gained >= leastAwaitedTokens && pays({ gained, loaded: length, saved: length });
    if (copiedAnyway ? gained > 0 : worthIt) {
      best = { kind: "wait" };
      bestLength = length;
    }
  }
  return best;
}

/** The longest prefix of this prompt that a slot or a saved state of its scope holds now. */
export function cachedTokens(
  prompt: readonly Token[],
  cacheScope: string,
  { slots, store }: Pick<SourceSeeker, "slots" | "store">,
): number {
  const inStore = store.matches(prompt, cacheScope).at(-1)?.length ?? 0;
  const inSlots = slots
    .filter((slot) => slot.cacheScope === cacheScope)
    .map((slot) => commonPrefix(reusablePart(slot), prompt));
  // Sampling needs one computed token.
  return Math.min(Math.max(inStore, ...inSlots), prompt.length - 1);
}
