// Owns the list of conversations: choosing, starting, removing.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { Brand } from "../parts/brand.tsx";
import { Icon } from "../parts/icons.tsx";
import { liveAnswer, titleOf } from "./conversation.ts";
import type { Conversation } from "./conversation.ts";
import type { Conversations } from "./conversations.ts";

export interface SidebarProps {
  readonly conversations: Conversations;
  readonly onShow: (id: string | undefined) => void;
  readonly onRemove: (id: string) => void;
}

export function Sidebar({ conversations, onShow, onRemove }: SidebarProps): VNode {
  const newest = conversations.all.value.toSorted((a, b) => b.updatedAt - a.updatedAt);
  return (
    <nav class="sidebar" aria-label="Conversations">
      <Brand title="Waggle" href="/" />
      <button type="button" class="button" onClick={() => onShow(undefined)}>
        <Icon name="plus" />
        New conversation
      </button>
      <ul>
        {newest.map((conversation) => (
          <Entry
            key={conversation.id}
            conversation={conversation}
            shown={conversation.id === conversations.current.value.id}
            onShow={onShow}
            onRemove={onRemove}
          />
        ))}
      </ul>
      <p class="small muted">Conversations are kept in this browser.</p>
    </nav>
  );
}

interface EntryProps extends Omit<SidebarProps, "conversations"> {
  readonly conversation: Conversation;
  readonly shown: boolean;
}

function Entry({ conversation, shown, onShow, onRemove }: EntryProps): VNode {
  const asking = useSignal(false);
  const title = titleOf(conversation);
  if (asking.value) {
    return (
      <li class="entry asking">
        <span class="small">Delete it?</span>
        <button type="button" class="button tiny" autofocus onClick={() => onRemove(conversation.id)}>
          Delete
        </button>
        <button type="button" class="button tiny quiet" onClick={() => (asking.value = false)}>
          Keep
        </button>
      </li>
    );
  }
  return (
    <li class={shown ? "entry shown" : "entry"}>
      <button
        type="button"
        class="entry-title"
        aria-current={shown ? "page" : undefined}
        onClick={() => onShow(conversation.id)}
      >
        {liveAnswer(conversation) !== undefined && <span class="live-dot pulse" role="img" aria-label="Answering" />}
        <span>{title}</span>
      </button>
      <button
        type="button"
        class="button icon tiny quiet"
        aria-label={`Delete “${title}”`}
        onClick={() => (asking.value = true)}
      >
        <Icon name="trash" />
      </button>
    </li>
  );
}
