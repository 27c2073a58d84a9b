// Owns the sidebar: the list of conversations or the hits of a search, and the actions on all conversations.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useRef } from "preact/hooks";
import { Brand } from "../../parts/brand.tsx";
import { Button, Icon } from "../../parts/icons.tsx";
import { moveFocus } from "../../parts/menu/move-focus.ts";
import { ConversationList } from "./conversation-list.tsx";
import { usePage } from "../page.ts";
import { findKeys } from "../shortcuts/shortcuts.ts";
import { SearchResults } from "./search-results.tsx";
import { SidebarFoot } from "./sidebar-foot.tsx";

/** @param onLeave called when the visitor leaves the search */
export function Sidebar({ onLeave }: { readonly onLeave: () => void }): VNode {
  const { show } = usePage();
  const words = useSignal("");
  const finder = useRef<HTMLDivElement>(null);
  /** What had the focus before the search. */
  const left = useRef<HTMLElement | null>(null);
  const searching = words.value.trim() !== "";

  function onKeyDown(event: KeyboardEvent): void {
    const stops = finder.current?.querySelectorAll<HTMLElement>("input, .entry-title");
    moveFocus(event, stops);
    if (event.key === "Enter" && event.target === stops?.[0] && searching) stops[1]?.click();
    if (event.key !== "Escape" || event.defaultPrevented) return;
    if (event.target !== stops?.[0] && !searching) return;
    event.stopPropagation();
    words.value = "";
    onLeave();
    // What had the focus may be gone, such as a field of a dialog.
    stops?.[0]?.blur();
    left.current?.focus();
  }

  return (
    <nav class="sidebar" aria-label="Conversations">
      <Brand title="Waggle" href="/" />
      <Button icon="plus" label="New conversation" kind="" onClick={() => show(undefined)} />
      <div ref={finder} class="finder" onKeyDown={onKeyDown}>
        <label class="search-box">
          <Icon name="search" />
          <span class="visually-hidden">Search all conversations</span>
          <input
            id="search"
            class="input"
            type="search"
            placeholder={`Search (${findKeys})`}
            autocomplete="off"
            value={words.value}
            onInput={(event) => (words.value = event.currentTarget.value)}
            onFocus={({ relatedTarget }) => {
              if (finder.current?.contains(relatedTarget as Node | null) === true) return;
              left.current = relatedTarget as HTMLElement | null;
            }}
          />
        </label>
        {searching ? <SearchResults words={words.value} /> : <ConversationList />}
      </div>
      <SidebarFoot />
    </nav>
  );
}
