// Owns the list of conversations: choosing, starting, deleting.
import type { VNode } from "preact";
import { Brand } from "../parts/brand.tsx";
import { Icon } from "../parts/icons.tsx";
import type { Head } from "./conversation.ts";
import type { Conversations } from "./conversations.ts";

export interface SidebarProps {
  readonly conversations: Conversations;
  readonly onShow: (id: string | undefined) => void;
  readonly onRemove: (id: string) => void;
}

export function Sidebar({ conversations, onShow, onRemove }: SidebarProps): VNode {
  const newest = conversations.heads.value.toSorted((a, b) => b.updatedAt - a.updatedAt);
  const answering = conversations.answering.value.split(" ");
  return (
    <nav class="sidebar" aria-label="Conversations">
      <Brand title="Waggle" href="/" />
      <button type="button" class="button" onClick={() => onShow(undefined)}>
        <Icon name="plus" />
        New conversation
      </button>
      <ul>
        {newest.map((head) => (
          <Entry
            key={head.id}
            head={head}
            shown={head.id === conversations.current.value.id}
            live={answering.includes(head.id)}
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
  readonly head: Head;
  readonly shown: boolean;
  readonly live: boolean;
}

function Entry({ head: { id, title }, shown, live, onShow, onRemove }: EntryProps): VNode {
  return (
    <li class={shown ? "entry shown" : "entry"}>
      <button type="button" class="entry-title" aria-current={shown ? "page" : undefined} onClick={() => onShow(id)}>
        {live && <span class="live-dot pulse" role="img" aria-label="Answering" />}
        <span>{title}</span>
      </button>
      <button
        type="button"
        class="button icon tiny quiet"
        aria-label={`Delete “${title}”`}
        onClick={() => onRemove(id)}
      >
        <Icon name="trash" />
      </button>
    </li>
  );
}
