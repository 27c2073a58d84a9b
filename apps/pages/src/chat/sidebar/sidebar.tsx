// Owns the sidebar: the list of conversations or the hits of a search, and the actions on all conversations.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { Brand } from "../../parts/brand.tsx";
import { Icon } from "../../parts/icons.tsx";
import { ConversationList } from "./conversation-list.tsx";
import type { ListActions } from "./conversation-entry.tsx";
import type { Conversations } from "../storage/conversations.ts";
import type { Library } from "../storage/library.ts";
import { SearchResults } from "./search-results.tsx";
import { SidebarFoot } from "./sidebar-foot.tsx";

export interface SidebarProps {
  readonly conversations: Conversations;
  readonly library: Library;
  readonly actions: ListActions;
  readonly onNew: () => void;
  /** Called with the conversation of a hit, and with the message if the hit is in a message. */
  readonly onFound: (id: string, messageId: string | undefined) => void;
}

export function Sidebar({ conversations, library, actions, onNew, onFound }: SidebarProps): VNode {
  const words = useSignal("");
  return (
    <nav class="sidebar" aria-label="Conversations">
      <Brand title="Waggle" href="/" />
      <button type="button" class="button" onClick={onNew}>
        <Icon name="plus" />
        New conversation
      </button>
      <label class="search-box">
        <Icon name="search" />
        <span class="visually-hidden">Search all conversations</span>
        <input
          id="search"
          class="input"
          type="search"
          placeholder="Search"
          autocomplete="off"
          value={words.value}
          onInput={(event) => (words.value = event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== "Escape" || words.value === "") return;
            event.stopPropagation();
            words.value = "";
          }}
        />
      </label>
      {words.value.trim() === "" ? (
        <ConversationList conversations={conversations} actions={actions} />
      ) : (
        <SearchResults library={library} words={words.value} onFound={onFound} />
      )}
      <SidebarFoot conversations={conversations} library={library} />
    </nav>
  );
}
