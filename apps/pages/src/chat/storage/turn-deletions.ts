// Owns deletions of single messages, with the same time to undo as deletions of conversations. The page's next start removes what this tab did
// not.
import { computed, signal, type ReadonlySignal } from "@preact/signals";
import { titleFor, type Turn } from "../conversation/conversation.ts";
import { isRemoved } from "../conversation/removed-turns.ts";
import type { Conversations } from "./conversations.ts";
import { undoMs } from "./deletions.ts";

export interface DeletedTurn {
  readonly id: string;
  /** The beginning of the text. */
  readonly title: string;
}

export interface TurnDeletions {
  /** Deleted messages that this tab can still restore, the newest deletion first. */
  readonly undoable: ReadonlySignal<readonly DeletedTurn[]>;
  /** Deletes a message or an answer of the shown conversation. */
  delete(turnId: string): void;
  undo(turnId: string): void;
  /** Removes what was deleted before this page was loaded. */
  resume(): void;
}

interface Waiting extends DeletedTurn {
  readonly conversationId: string;
  readonly timer: ReturnType<typeof setTimeout>;
}

type Needed = "current" | "everyHead" | "removeTurn" | "restoreTurn" | "removeHidden";

export function createTurnDeletions(conversations: Pick<Conversations, Needed>): TurnDeletions {
  const waiting = signal<readonly Waiting[]>([]);

  function forget(turnId: string): Waiting | undefined {
    const found = waiting.peek().find(({ id }) => id === turnId);
    clearTimeout(found?.timer);
    waiting.value = waiting.peek().filter(({ id }) => id !== turnId);
    return found;
  }

  function remove(conversationId: string, turnIds: readonly string[]): void {
    // The next start tries again.
    conversations.removeHidden(conversationId, turnIds).catch(() => undefined);
  }

  return {
    undoable: computed(() => waiting.value),
    delete(turnId) {
      const { id: conversationId, turns } = conversations.current.peek();
      const turn = turns.find(({ id }) => id === turnId);
      if (turn === undefined) return;
      conversations.removeTurn(conversationId, turnId);
      const timer = setTimeout(() => {
        forget(turnId);
        remove(conversationId, [turnId]);
      }, undoMs);
      waiting.value = [{ id: turnId, title: titleOf(turn), conversationId, timer }, ...waiting.peek()];
    },
    undo(turnId) {
      const found = forget(turnId);
      if (found !== undefined) conversations.restoreTurn(found.conversationId, turnId);
    },
    resume() {
      for (const { id, removed = {} } of conversations.everyHead()) {
        const turnIds = Object.keys(removed).filter((turnId) => isRemoved(removed, turnId));
        if (turnIds.length > 0) remove(id, turnIds);
      }
    },
  };
}

function titleOf(turn: Turn): string {
  const title = titleFor(turn.role === "user" ? turn : { text: turn.text });
  return title === "" ? "a message without text" : title;
}
