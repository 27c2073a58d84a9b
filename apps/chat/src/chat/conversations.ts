// Owns the conversations of this tab: which there are, which one is shown, and that what changes is kept. It knows no network.
import { computed, signal } from "@preact/signals";
import type { ReadonlySignal } from "@preact/signals";
import type { Answer } from "./answer.ts";
import { findAnswer, isBehind, withAnswer } from "./conversation.ts";
import type { Conversation } from "./conversation.ts";
import { newId } from "./ids.ts";
import type { ConversationStorage } from "./storage.ts";

/** While an answer streams, how often what has come is written down. */
const saveIntervalMs = 400;

export interface Conversations {
  readonly all: ReadonlySignal<readonly Conversation[]>;
  readonly current: ReadonlySignal<Conversation>;
  get(id: string): Conversation | undefined;
  /** Shows it; an unknown id is a new conversation. */
  show(id: string | undefined): void;
  /** Replaces it and writes it down at once. */
  put(conversation: Conversation): void;
  /** Replaces one answer by what `change` makes of it, and writes that down before long. */
  change(conversationId: string, answerId: string, change: (answer: Answer) => Answer): void;
  remove(id: string): void;
  /** Writes down what has not been yet. */
  flush(): void;
}

export function createConversations(storage: ConversationStorage): Conversations {
  const all = signal<readonly Conversation[]>(storage.load());
  const fresh = signal<Conversation>(blank());
  const shownId = signal(fresh.value.id);
  const current = computed(() => all.value.find(({ id }) => id === shownId.value) ?? fresh.value);
  const unsaved = new Set<string>();
  let timer: ReturnType<typeof setTimeout> | undefined;

  function blank(): Conversation {
    return { id: newId("chat"), updatedAt: Date.now(), settings: storage.loadSettings(), turns: [] };
  }

  function replace(conversation: Conversation): void {
    if (conversation.id === fresh.value.id && conversation.turns.length === 0) {
      fresh.value = conversation;
      return;
    }
    const known = all.value.some(({ id }) => id === conversation.id);
    all.value = known
      ? all.value.map((other) => (other.id === conversation.id ? conversation : other))
      : [conversation, ...all.value];
    unsaved.add(conversation.id);
  }

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    for (const id of unsaved) {
      const conversation = get(id);
      if (conversation !== undefined) storage.save(conversation);
    }
    unsaved.clear();
  }

  function get(id: string): Conversation | undefined {
    return id === fresh.value.id && current.value.id === id
      ? current.value
      : all.value.find((other) => other.id === id);
  }

  storage.onOtherTab((id, conversation) => {
    const ours = get(id);
    // Both tabs follow the same answer and this one is ahead: going back would lose the tokens between.
    if (conversation !== undefined && ours !== undefined && isBehind(conversation, ours)) return;
    const others = all.value.filter((other) => other.id !== id);
    all.value =
      conversation === undefined ? others : [conversation, ...others].toSorted((a, b) => b.updatedAt - a.updatedAt);
  });

  return {
    all,
    current,
    get,
    show(id) {
      if (id !== undefined && all.value.some((other) => other.id === id)) {
        shownId.value = id;
        return;
      }
      fresh.value = blank();
      shownId.value = fresh.value.id;
    },
    put(conversation) {
      replace(conversation);
      flush();
    },
    change(conversationId, answerId, change) {
      const conversation = get(conversationId);
      const answer = conversation === undefined ? undefined : findAnswer(conversation, answerId);
      if (conversation === undefined || answer === undefined) return;
      const changed = change(answer);
      if (changed === answer) return;
      replace(withAnswer(conversation, changed));
      if (changed.phase === answer.phase) timer ??= setTimeout(flush, saveIntervalMs);
      else flush();
    },
    remove(id) {
      all.value = all.value.filter((other) => other.id !== id);
      unsaved.delete(id);
      storage.remove(id);
    },
    flush,
  };
}
