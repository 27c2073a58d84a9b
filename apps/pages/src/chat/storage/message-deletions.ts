// Owns deletions of single messages, with the same time to undo as deletions of conversations. The page's next start removes what this tab did
// not.
import { computed, signal, type ReadonlySignal } from "@preact/signals";
import { titleFor, type Message } from "../conversation/conversation.ts";
import { isRemoved } from "../conversation/removed-messages.ts";
import type { Conversations } from "./conversations.ts";
import { undoMs } from "./deletions.ts";

export interface DeletedMessage {
  readonly id: string;
  /** The beginning of the text. */
  readonly title: string;
}

export interface MessageDeletions {
  /** Deleted messages that this tab can still restore, the newest deletion first. */
  readonly undoable: ReadonlySignal<readonly DeletedMessage[]>;
  /** Deletes a message or an answer of the shown conversation. */
  delete(messageId: string): void;
  undo(messageId: string): void;
  /** Removes what was deleted before this page was loaded. */
  resume(): void;
}

interface Waiting extends DeletedMessage {
  readonly conversationId: string;
  readonly timer: ReturnType<typeof setTimeout>;
}

type Needed = "current" | "everyHead" | "removeMessage" | "restoreMessage" | "removeHidden";

export function createMessageDeletions(conversations: Pick<Conversations, Needed>): MessageDeletions {
  const waiting = signal<readonly Waiting[]>([]);

  function forget(messageId: string): Waiting | undefined {
    const found = waiting.peek().find(({ id }) => id === messageId);
    clearTimeout(found?.timer);
    waiting.value = waiting.peek().filter(({ id }) => id !== messageId);
    return found;
  }

  function remove(conversationId: string, messageIds: readonly string[]): void {
    // The next start tries again.
    conversations.removeHidden(conversationId, messageIds).catch(() => undefined);
  }

  return {
    undoable: computed(() => waiting.value),
    delete(messageId) {
      const { id: conversationId, turns } = conversations.current.peek();
      const message = turns.find(({ id }) => id === messageId);
      if (message === undefined) return;
      conversations.removeMessage(conversationId, messageId);
      const timer = setTimeout(() => {
        forget(messageId);
        remove(conversationId, [messageId]);
      }, undoMs);
      waiting.value = [{ id: messageId, title: titleOf(message), conversationId, timer }, ...waiting.peek()];
    },
    undo(messageId) {
      const found = forget(messageId);
      if (found !== undefined) conversations.restoreMessage(found.conversationId, messageId);
    },
    resume() {
      for (const { id, removed = {} } of conversations.everyHead()) {
        const messageIds = Object.keys(removed).filter((messageId) => isRemoved(removed, messageId));
        if (messageIds.length > 0) remove(id, messageIds);
      }
    },
  };
}

function titleOf(message: Message): string {
  const title = titleFor(message.role === "user" ? message : { text: message.text });
  return title === "" ? "a message without text" : title;
}
