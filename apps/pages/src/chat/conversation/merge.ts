// Owns merging two versions of a message or a head, from two tabs, the disk or a file: the version that is further along stays. Pure.
import { isLive, type Answer } from "./answer.ts";
import type { Head, Message } from "./conversation.ts";

/** The version of a message that is further along; `ours` if both versions are equal. */
export function furtherMessage(ours: Message, theirs: Message): Message {
  // A message of the user never changes: editing it makes another message.
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

/** All messages of both lists; `ours` itself if no message of `theirs` is further along. */
export function mergeMessages(ours: readonly Message[], theirs: readonly Message[]): readonly Message[] {
  const byId = new Map(ours.map((message) => [message.id, message]));
  let changed = false;
  for (const message of theirs) {
    const our = byId.get(message.id);
    const further = our === undefined ? message : furtherMessage(our, message);
    if (further === our) continue;
    byId.set(message.id, further);
    changed = true;
  }
  return changed ? [...byId.values()] : ours;
}

/** The changed fields of a head. An undefined value removes the field; in a patch that was JSON, it is null. */
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
  return Object.fromEntries(
    Object.entries(patched).filter(([, value]) => value !== undefined && value !== null),
  ) as unknown as Head;
}
