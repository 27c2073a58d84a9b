// Owns deletions with time to undo: a deleted conversation is hidden at once, and removed after that time, by this tab or by a tab that is
// opened or reloaded later.
import { computed, signal, type ReadonlySignal } from "@preact/signals";
import type { Head } from "../conversation/conversation.ts";
import type { Conversations } from "./conversations.ts";

export const undoMs = 12_000;

export interface Deletions {
  /** Deleted conversations that this tab can still restore, the newest deletion first. */
  readonly undoable: ReadonlySignal<readonly Head[]>;
  delete(id: string): void;
  undo(id: string): void;
  /** Continues deletions from before this page was loaded, with the rest of their time. */
  resume(): void;
}

/** @param onGone called and awaited before a conversation is removed */
export function createDeletions(conversations: Conversations, onGone: (id: string) => Promise<void>): Deletions {
  /** Timers of conversations that this tab will remove. */
  const waiting = signal<ReadonlyMap<string, ReturnType<typeof setTimeout>>>(new Map());

  function forget(id: string): void {
    clearTimeout(waiting.peek().get(id));
    waiting.value = new Map([...waiting.peek()].filter(([other]) => other !== id));
  }

  async function remove(id: string, deletedAt: number): Promise<void> {
    // An import, or an undo in another tab, may have restored the conversation meanwhile.
    if (conversations.everyHead().every((head) => head.id !== id || head.deletedAt !== deletedAt)) return;
    await onGone(id);
    // A conversation that cannot be removed now stays hidden, and the next start tries again.
    await conversations.removeDeleted([id]).catch(() => undefined);
  }

  function removeInTime(id: string, deletedAt: number): void {
    forget(id);
    const restMs = Math.min(undoMs, deletedAt + undoMs - Date.now());
    if (restMs <= 0) {
      void remove(id, deletedAt);
      return;
    }
    const timer = setTimeout(() => {
      forget(id);
      void remove(id, deletedAt);
    }, restMs);
    waiting.value = new Map(waiting.peek()).set(id, timer);
  }

  return {
    undoable: computed(() =>
      conversations
        .everyHead()
        .filter(({ id, deletedAt }) => deletedAt !== undefined && waiting.value.has(id))
        .toSorted((a, b) => (b.deletedAt ?? 0) - (a.deletedAt ?? 0)),
    ),
    delete(id) {
      if (conversations.heads.peek().every((head) => head.id !== id)) return;
      const deletedAt = Date.now();
      conversations.add(id, [], { deletedAt });
      removeInTime(id, deletedAt);
    },
    undo(id) {
      if (!waiting.peek().has(id)) return;
      forget(id);
      conversations.add(id, [], { deletedAt: undefined });
    },
    resume() {
      for (const { id, deletedAt } of conversations.everyHead()) {
        if (deletedAt !== undefined) removeInTime(id, deletedAt);
      }
    },
  };
}
