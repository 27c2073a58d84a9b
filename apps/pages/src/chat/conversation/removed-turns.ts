// Owns deleted messages in the tree of a conversation: the turns after a deleted turn follow the turn before it. Pure.
import type { TreeTurn } from "./turn-tree.ts";

/**
 * For each deleted turn, the id of the turn before it; `""` for a first turn. Null after an undo: another tab's version of the record may still have
 * the turn as deleted, and the two are merged key by key. The ids stay after the turns are gone, because later turns name them.
 */
export type Removed = Readonly<Record<string, string | null>>;

export function isRemoved(removed: Removed | undefined, turnId: string): boolean {
  return typeof removed?.[turnId] === "string";
}

/** The turns that are not deleted; the list itself if no turn is deleted. */
export function withoutRemoved<T extends TreeTurn>(turns: readonly T[], removed: Removed | undefined): readonly T[] {
  if (removed === undefined) return turns;
  return turns.filter(({ id }) => !isRemoved(removed, id)).map((turn) => movedUp(turn, removed));
}

const moved = new WeakMap<TreeTurn, TreeTurn>();

/** The same object for the same turn and place, so that the turn is not drawn again. */
function movedUp<T extends TreeTurn>(turn: T, removed: Removed): T {
  const parent = placeAbove(turn.parent, removed);
  if (parent === turn.parent) return turn;
  const known = moved.get(turn);
  if (known !== undefined && known.parent === parent) return known as T;
  const { parent: _, ...first } = turn;
  const copy = (parent === undefined ? first : { ...turn, parent }) as T;
  moved.set(turn, copy);
  return copy;
}

/** The next turn above that is not deleted. */
function placeAbove(parent: string | undefined, removed: Removed): string | undefined {
  const passed = new Set<string>();
  let at = parent;
  while (at !== undefined && !passed.has(at)) {
    const above = removed[at];
    if (typeof above !== "string") return at;
    passed.add(at);
    at = above === "" ? undefined : above;
  }
  return undefined;
}
