// Owns deletions with time to undo. A deleted conversation or message is hidden at once, and removed after that time. What this tab does not
// remove, a tab that is opened or reloaded later removes.
import { computed, signal, type ReadonlySignal } from "@preact/signals";
import { titleFor, type Message } from "../conversation/conversation.ts";
import { isRemoved } from "../conversation/removed-messages.ts";
import type { Conversations } from "./conversations.ts";

const undoMs = 12_000;

export interface Deletion {
  readonly id: string;
  /** For a message, the beginning of its text. */
  readonly title: string;
  /** Equals `id` if the conversation itself is deleted. */
  readonly conversationId: string;
  readonly deletedAt: number;
}

export interface Deletions {
  /** What this tab can still restore, the newest deletion first. */
  readonly undoable: ReadonlySignal<readonly Deletion[]>;
  deleteConversation(id: string): void;
  /** Deletes a message or an answer of the shown conversation. */
  deleteMessage(id: string): void;
  undo(id: string): void;
  /** Continues deletions of conversations from before this page was loaded, with the rest of their time, and removes deleted messages. */
  resume(): void;
}

/** @param onGone called and awaited before a conversation is removed */
export function createDeletions(conversations: Conversations, onGone: (id: string) => Promise<void>): Deletions {
  const waiting = signal<readonly (Deletion & { readonly timer: ReturnType<typeof setTimeout> })[]>([]);

  function forget(id: string): Deletion | undefined {
    const found = waiting.peek().find((deletion) => deletion.id === id);
    clearTimeout(found?.timer);
    waiting.value = waiting.peek().filter((deletion) => deletion.id !== id);
    return found;
  }

  /** An import, or an undo in another tab, may have restored the conversation or message. */
  function isDeleted({ id, conversationId, deletedAt }: Deletion): boolean {
    const head = conversations.everyHead().find((other) => other.id === conversationId);
    return id === conversationId ? head?.deletedAt === deletedAt : isRemoved(head?.removed, id);
  }

  async function remove(deletion: Deletion): Promise<void> {
    if (!isDeleted(deletion)) return;
    const { id, conversationId } = deletion;
    if (id !== conversationId) {
      await conversations.removeHidden(conversationId, [id]);
      return;
    }
    await onGone(id);
    await conversations.removeDeleted([id]);
  }

  function removeInTime(deletion: Deletion): void {
    forget(deletion.id);
    const end = (): void => {
      forget(deletion.id);
      // What cannot be removed now stays hidden, and the next start tries again.
      remove(deletion).catch(() => undefined);
    };
    const restMs = Math.min(undoMs, deletion.deletedAt + undoMs - Date.now());
    if (restMs <= 0) end();
    else waiting.value = [{ ...deletion, timer: setTimeout(end, restMs) }, ...waiting.peek()];
  }

  return {
    undoable: computed(() => waiting.value.filter(isDeleted).toSorted((a, b) => b.deletedAt - a.deletedAt)),
    deleteConversation(id) {
      const head = conversations.heads.peek().find((other) => other.id === id);
      if (head === undefined) return;
      const deletedAt = Date.now();
      conversations.add(id, [], { deletedAt });
      removeInTime({ id, title: head.title, conversationId: id, deletedAt });
    },
    deleteMessage(id) {
      const { id: conversationId, turns } = conversations.current.peek();
      const message = turns.find((other) => other.id === id);
      if (message === undefined) return;
      conversations.removeMessage(conversationId, id);
      removeInTime({ id, title: titleOf(message), conversationId, deletedAt: Date.now() });
    },
    undo(id) {
      const { conversationId } = forget(id) ?? {};
      if (conversationId === id) conversations.add(id, [], { deletedAt: undefined });
      else if (conversationId !== undefined) conversations.restoreMessage(conversationId, id);
    },
    resume() {
      for (const { id, title, deletedAt, removed = {} } of conversations.everyHead()) {
        if (deletedAt !== undefined) removeInTime({ id, title, conversationId: id, deletedAt });
        const messageIds = Object.keys(removed).filter((messageId) => isRemoved(removed, messageId));
        if (messageIds.length > 0) conversations.removeHidden(id, messageIds).catch(() => undefined);
      }
    },
  };
}

function titleOf(message: Message): string {
  const title = titleFor(message.role === "user" ? message : { text: message.text });
  return title === "" ? "a message without text" : title;
}
