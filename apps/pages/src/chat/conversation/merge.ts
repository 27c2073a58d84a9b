// Owns merging two versions of a turn or a head, from two tabs, the disk or a file: the version that is further along stays. Pure.
import { isLive, type Answer } from "./answer.ts";
import type { Head, Turn } from "./conversation.ts";

/** The version of a turn that is further along; `ours` if both versions are equal. */
export function furtherTurn(ours: Turn, theirs: Turn): Turn {
  // A message never changes: editing a message makes another turn.
  if (ours.role !== "assistant" || theirs.role !== "assistant") return ours;
  return isFurther(theirs, ours) ? theirs : ours;
}

function isFurther(a: Answer, b: Answer): boolean {
  const tries = (a.attempt ?? 0) - (b.attempt ?? 0);
  if (a.jobId !== b.jobId) {
    // If two jobs have equal tries, two tabs requested a continuation, and the worker runs only one of the jobs.
    return tries === 0 ? lengthOf(a) > lengthOf(b) : tries > 0;
  }
  // A tab that reads this job's stream continues from the answer's last index, so that index must not decrease.
  if (a.lastIndex !== b.lastIndex) return a.lastIndex > b.lastIndex;
  if (tries !== 0) return tries > 0;
  if (isLive(a) !== isLive(b)) return isLive(b);
  return a.phase === "done" && b.phase === "broken";
}

function lengthOf({ text, thoughts = "" }: Answer): number {
  return text.length + thoughts.length;
}

/** All turns of both lists; `ours` itself if no turn of `theirs` is further along. */
export function mergeTurns(ours: readonly Turn[], theirs: readonly Turn[]): readonly Turn[] {
  const byId = new Map(ours.map((turn) => [turn.id, turn]));
  let changed = false;
  for (const turn of theirs) {
    const our = byId.get(turn.id);
    const further = our === undefined ? turn : furtherTurn(our, turn);
    if (further === our) continue;
    byId.set(turn.id, further);
    changed = true;
  }
  return changed ? [...byId.values()] : ours;
}

/** The changed fields of a head; an undefined value removes the field. */
export type HeadPatch = { readonly [Key in Exclude<keyof Head, "id">]?: Head[Key] | undefined };

/** Patches field by field, so that two tabs that change different fields do not undo each other. */
export function patchHead(head: Head, patch: HeadPatch): Head {
  const patched = {
    ...head,
    ...patch,
    updatedAt: Math.max(head.updatedAt, patch.updatedAt ?? 0),
    chosen: { ...head.chosen, ...patch.chosen },
    ...(patch.removed === undefined ? {} : { removed: { ...head.removed, ...patch.removed } }),
  };
  return Object.fromEntries(Object.entries(patched).filter(([, value]) => value !== undefined)) as unknown as Head;
}
