// Owns deleting with time to undo it: a deleted conversation is hidden at once and removed after that time, by this tab or by the next one
// that opens.
import { signal } from "@preact/signals";
import type { ReadonlySignal } from "@preact/signals";
import type { Head } from "./conversation.ts";
import type { Conversations } from "./conversations.ts";

/** How long a deletion can be undone. */
const undoMs = 12_000;
/** After this a tab removes what another one has deleted and not removed: it is closed. */
const abandonedMs = 2 * undoMs;

export interface Deletions {
  /** Those that can still be undone, in this tab, the last one first. */
  readonly undoable: ReadonlySignal<readonly Head[]>;
  delete(id: string): void;
  undo(id: string): void;
  /** Removes what closed tabs have left. */
  sweep(): void;
}

/** @param onGone is told before a conversation is removed */
export function createDeletions(conversations: Conversations, onGone: (id: string) => void): Deletions {
  const undoable = signal<readonly Head[]>([]);
  const timers = new Map<string, ReturnType<typeof setTimeout>>();

  function forget(id: string): void {
    clearTimeout(timers.get(id));
    timers.delete(id);
    undoable.value = undoable.value.filter((head) => head.id !== id);
  }

  return {
    undoable,
    delete(id) {
      const head = conversations.heads.peek().find((other) => other.id === id);
      if (head === undefined) return;
      conversations.add(id, [], { deletedAt: Date.now() });
      undoable.value = [head, ...undoable.value];
      const remove = (): void => {
        forget(id);
        // A file that was imported meanwhile has brought it back.
        if (conversations.everyHead().every((other) => other.id !== id || other.deletedAt === undefined)) return;
        onGone(id);
        // Where it cannot be removed now, it stays hidden, and the next start tries again.
        conversations.removeDeleted([id]).catch(() => undefined);
      };
      timers.set(id, setTimeout(remove, undoMs));
    },
    undo(id) {
      if (!timers.has(id)) return;
      forget(id);
      conversations.add(id, [], { deletedAt: undefined });
    },
    sweep() {
      const before = Date.now() - abandonedMs;
      const left = conversations.everyHead().filter(({ deletedAt }) => deletedAt !== undefined && deletedAt < before);
      if (left.length > 0) conversations.removeDeleted(left.map(({ id }) => id)).catch(() => undefined);
    },
  };
}
