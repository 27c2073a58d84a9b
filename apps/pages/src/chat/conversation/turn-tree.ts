// Owns the shape of a conversation: a tree, in which editing or regenerating adds a branch next to the old branch. A list of versions for each
// turn would lose the turns after the old version. Pure; knows only which turn follows which.

export interface TreeTurn {
  readonly id: string;
  /** Id of the turn before; absent for the first turn of a conversation. */
  readonly parent?: string;
  /** Milliseconds since 1970; orders turns with the same parent. */
  readonly sentAt: number;
}

/** For each parent's id, the id of the shown turn among the turns with that parent. The key for the first turns is `""`. */
export type Chosen = Readonly<Record<string, string>>;

const beginning = "";

/** Turns by the id of their parent, oldest first. A turn whose parent is missing is at the beginning, so that each turn can be shown. */
function branchesOf<T extends TreeTurn>(turns: readonly T[]): Map<string, T[]> {
  const ids = new Set(turns.map(({ id }) => id));
  const branches = new Map<string, T[]>();
  for (const turn of turns) {
    const parent = placeOf(turn, ids);
    const siblings = branches.get(parent);
    if (siblings === undefined) branches.set(parent, [turn]);
    else siblings.push(turn);
  }
  for (const siblings of branches.values()) siblings.sort(byAge);
  return branches;
}

function placeOf({ parent }: TreeTurn, ids: ReadonlySet<string>): string {
  return parent !== undefined && ids.has(parent) ? parent : beginning;
}

function byAge(a: TreeTurn, b: TreeTurn): number {
  return a.sentAt - b.sentAt || (a.id < b.id ? -1 : 1);
}

/** The turns from the beginning to a leaf: at each branching the chosen turn, or else the newest. */
export function shownPath<T extends TreeTurn>(turns: readonly T[], chosen: Chosen): readonly T[] {
  const branches = branchesOf(turns);
  const path: T[] = [];
  for (let at = beginning; ;) {
    const next = branches.get(at);
    const turn = next?.find(({ id }) => id === chosen[at]) ?? next?.at(-1);
    // Each turn has a single parent, so a path from the beginning has no circle.
    if (turn === undefined) return path;
    path.push(turn);
    at = turn.id;
  }
}

/** The turns from the beginning to this turn, inclusive; empty for an unknown turn. */
export function pathTo<T extends TreeTurn>(turns: readonly T[], id: string): readonly T[] {
  const byId = new Map(turns.map((turn) => [turn.id, turn]));
  const path: T[] = [];
  for (let turn = byId.get(id); turn !== undefined; turn = byId.get(turn.parent ?? beginning)) {
    byId.delete(turn.id);
    path.push(turn);
  }
  return path.toReversed();
}

/** For each turn, the ids of all turns with the same parent, itself included; oldest first. */
export function siblingIds(turns: readonly TreeTurn[]): ReadonlyMap<string, readonly string[]> {
  const siblings = new Map<string, readonly string[]>();
  for (const branches of branchesOf(turns).values()) {
    const ids = branches.map(({ id }) => id);
    for (const id of ids) siblings.set(id, ids);
  }
  return siblings;
}

/** The choices that put a turn on the shown path. */
export function choicesFor(turns: readonly TreeTurn[], id: string): Chosen {
  const ids = new Set(turns.map((turn) => turn.id));
  return Object.fromEntries(pathTo(turns, id).map((turn) => [placeOf(turn, ids), turn.id]));
}

/** Whether turns follow each other in a circle, which no path from the beginning reaches. */
export function hasCircle(turns: readonly TreeTurn[]): boolean {
  const branches = branchesOf(turns);
  const open = [...(branches.get(beginning) ?? [])];
  let reached = 0;
  for (let turn = open.pop(); turn !== undefined; turn = open.pop()) {
    reached += 1;
    open.push(...(branches.get(turn.id) ?? []));
  }
  return reached < turns.length;
}
