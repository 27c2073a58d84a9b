// Owns what a slot holds: the entries of its KV cache, the position of the next one, and how many of them another job may reuse.
import type { Held, HeldEntry } from "../port/kv.ts";
import type { Token } from "../port/steps.ts";
import { isCell, positionsOf } from "../port/entries.ts";
import type { ContextShift } from "./context-shift.ts";

export interface HeldList extends Held {
  /**
   * The first entries, which no shift has moved. The cache of the others depends on discarded entries, so no other job may use
   * it.
   */
  readonly reusable: readonly HeldEntry[];
  /** Adds the entries that a pass feeds. */
  feed(fed: readonly HeldEntry[]): void;
  /** Discards all but the first `count` entries. @throws Error when there are fewer, which is a defect of the caller */
  cut(count: number): void;
  /** Discards entries behind the head; the entries behind them move up. @throws Error when the slot does not hold them, which is a defect of the caller */
  shift(shift: ContextShift): void;
}

export function createHeld(given: readonly HeldEntry[] = []): HeldList {
  const entries: HeldEntry[] = [];
  const tokens: Token[] = [];
  let nextPosition = 0;
  /** Number of entries, from the first, that no shift has moved; Infinity without a shift. */
  let unmoved = Infinity;

  function feed(fed: readonly HeldEntry[]): void {
    for (const entry of fed) {
      entries.push(entry);
      nextPosition += positionsOf(entry);
      if (!isCell(entry)) tokens.push(entry);
    }
  }

  feed(given);
  return {
    entries,
    tokens,
    get nextPosition() {
      return nextPosition;
    },
    get reusable() {
      return unmoved < entries.length ? entries.slice(0, unmoved) : entries;
    },
    feed,
    cut(count) {
      if (count > entries.length) throw new Error(`Cannot keep ${count} entries of a slot: it holds ${entries.length}`);
      for (const entry of entries.splice(count)) {
        nextPosition -= positionsOf(entry);
        if (!isCell(entry)) tokens.pop();
      }
      if (count <= unmoved) unmoved = Infinity;
    },
    shift({ keep, discard }) {
      // Without its first token, the slot would have to be computed again. Jobs with pictures are never shifted.
      if (keep < 1 || discard < 1 || keep + discard > entries.length || tokens.length < entries.length) {
        throw new Error(`Cannot discard entries ${keep} to ${keep + discard} of a slot: it holds ${entries.length}`);
      }
      entries.splice(keep, discard);
      tokens.splice(keep, discard);
      nextPosition -= discard;
      unmoved = Math.min(unmoved, keep);
    },
  };
}
