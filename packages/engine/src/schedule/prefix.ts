// Decides which source gives a job its cached prefix: the job's slot, a KV snapshot, or another slot that holds or computes the prefix. Pure.
import type { HeldEntry, KvSnapshot } from "../port/kv.ts";
import { cacheScopeOf } from "../port/cache-scope.ts";
import { hasPictures } from "../port/entries.ts";
import { commonPrefix } from "../kv/common-prefix.ts";
import type { KvIndex } from "../kv/kv-index.ts";
import type { Transfer } from "../kv/transfer-cost.ts";
import { isLaneRun } from "./lane-runs.ts";
import { reusableOf, runsIn, type Beginning, type Slot } from "./slots.ts";

/** Fewer tokens are not copied: all prompts begin with the same few tokens of the template. */
const leastCopiedTokens = 8;
/** A job waits only for a prefix of at least this many tokens, because other prompts may be computed before that prefix. */
const leastAwaitedTokens = 32;

export type PrefixSource =
  /** The slot's own cache holds the prefix. */
  | { readonly kind: "own"; readonly keepTokens: number }
  | { readonly kind: "load"; readonly state: KvSnapshot }
  /** Another slot holds the prefix. Its first `keepTokens` tokens are copied. */
  | { readonly kind: "copy"; readonly slot: Slot; readonly keepTokens: number }
  /** Another slot holds the prefix, and cannot be copied. That slot is saved, and the job then loads the snapshot. */
  | { readonly kind: "save"; readonly slot: Slot }
  /** Another slot is computing the prefix. Computing it twice would take longer than waiting. */
  | { readonly kind: "wait" };

export interface SourceSeeker {
  readonly slots: readonly Slot[];
  readonly store: Pick<KvIndex, "matches">;
  readonly pays: (transfer: Transfer) => boolean;
  /** Whether slots can be copied. */
  readonly copies: boolean;
  /** Whether the slot may hold this many tokens, if idle slots other than `source` make room for them. */
  readonly hasRoom: (tokens: number, target: Slot, source?: Slot) => boolean;
}

/**
 * Finds the source for a job that has not begun. Caches are never shared across scopes: the time to the first token would reveal the prompts of one client
 * to another.
 */
export function findPrefixSource(
  { run, keepTokens, saved }: Beginning,
  { slots, store, pays, copies, hasRoom }: SourceSeeker,
): PrefixSource {
  const { slot: own, target, prepared, chunks } = run;
  const most = reusableOf(run);
  const cacheScope = cacheScopeOf(prepared);
  let best: PrefixSource = { kind: "own", keepTokens };
  let bestLength = keepTokens;

  for (const { state, length: common } of store.matches(target, cacheScope)) {
    const length = Math.min(most, common);
    const { length: loaded } = state.entries;
    // A snapshot is loaded whole, also if the job keeps a part of it.
    const transfer = { gained: length - bestLength, loaded, pictures: hasPictures(chunks, bestLength, length) };
    if (pays(transfer) && hasRoom(loaded, own)) {
      best = { kind: "load", state };
      bestLength = length;
    }
  }
  const others = slots.filter((slot) => slot !== own && slot.cacheScope === cacheScope);
  for (const slot of others) {
    if (slot.state.kind === "releasing" || saved.has(slot)) continue;
    const length = commonPrefix(slot.held, target, most);
    const held = slot.held.entries.length;
    const gained = length - bestLength;
    const pictures = hasPictures(chunks, bestLength, length);
    if (copies) {
      // A slot is copied whole, and the copy is then cut.
      if (gained < leastCopiedTokens || !pays({ gained, copied: held, pictures }) || !hasRoom(held, own, slot))
        continue;
      best = { kind: "copy", slot, keepTokens: length };
    } else {
      if (!pays({ gained, loaded: held, saved: held, pictures }) || !hasRoom(held, own, slot)) continue;
      best = { kind: "save", slot };
    }
    bestLength = length;
  }
  for (const other of runsIn(others, "prefilling")) {
    // A lane job computes nothing while a foreground job waits.
    if (isLaneRun(other) && !isLaneRun(run)) continue;
    const length = commonPrefix({ entries: other.target, chunks: other.chunks }, target, most);
    // If this slot would be copied anyway, wait until it holds the whole prefix.
    const copiedAnyway = (best.kind === "copy" || best.kind === "save") && best.slot === other.slot;
    const gained = length - bestLength;
    const transfer = copies ? { gained, copied: other.target.length } : { gained, loaded: length, saved: length };
    const worthIt = gained >= leastAwaitedTokens && pays(transfer) && hasRoom(length, own, other.slot);
    if (copiedAnyway ? gained > 0 : worthIt) {
      best = { kind: "wait" };
      bestLength = length;
    }
  }
  return best;
}

/** Returns the length of the longest prefix of this prompt in a slot or a snapshot of this scope. */
export function cachedTokens(
  prompt: readonly HeldEntry[],
  cacheScope: string,
  { slots, store }: Pick<SourceSeeker, "slots" | "store">,
): number {
  const inStore = store.matches(prompt, cacheScope).at(-1)?.length ?? 0;
  const inSlots = slots.filter((slot) => slot.cacheScope === cacheScope).map((slot) => commonPrefix(slot.held, prompt));
  // Sampling needs the last token's logits, so that token is computed.
  return Math.min(Math.max(inStore, ...inSlots), prompt.length - 1);
}
