// Owns deleted messages in the tree of a conversation: the messages after a deleted one follow the one before it. Pure.
import type { TreeMessage } from "./message-tree.ts";

/**
 * For each deleted message, the id of the one before it; `""` for a first one. Null after an undo: another tab's version of the record may still have
 * the message as deleted, and the two are merged key by key. The ids stay after the messages are gone, because later messages name them.
 */
export type Removed = Readonly<Record<string, string | null>>;

export function isRemoved(removed: Removed | undefined, messageId: string): boolean {
  return typeof removed?.[messageId] === "string";
}

/** The messages that are not deleted; the list itself if no message is deleted. */
export function withoutRemoved<T extends TreeMessage>(
  messages: readonly T[],
  removed: Removed | undefined,
): readonly T[] {
  if (removed === undefined) return messages;
  return messages.filter(({ id }) => !isRemoved(removed, id)).map((message) => movedUp(message, removed));
}

const moved = new WeakMap<TreeMessage, TreeMessage>();

/** The same object for the same message and place, so that the message is not drawn again. */
function movedUp<T extends TreeMessage>(message: T, removed: Removed): T {
  const parent = placeAbove(message.parent, removed);
  if (parent === message.parent) return message;
  const known = moved.get(message);
  if (known !== undefined && known.parent === parent) return known as T;
  const { parent: _, ...first } = message;
  const copy = (parent === undefined ? first : { ...message, parent }) as T;
  moved.set(message, copy);
  return copy;
}

/** The next message above that is not deleted. */
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
