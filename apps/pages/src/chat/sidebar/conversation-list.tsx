// Owns the list of conversations in groups: pinned conversations, then by day. A long list is drawn only as far as the visitor has scrolled.
import { useComputed, useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { Button } from "../../parts/icons.tsx";
import { usePage } from "../page.ts";
import { ConversationEntry } from "./conversation-entry.tsx";
import type { Head } from "../conversation/conversation.ts";
import { groupHeads } from "./group-heads.ts";

/** Entries drawn at first, and with each further step. */
const step = 80;
/** Distance from the end of the list at which more entries are drawn. */
const nearEndPx = 600;

export function ConversationList(): VNode {
  const { conversations } = usePage();
  const drawn = useSignal(step);
  const groups = useComputed(() => groupHeads(conversations.heads.value, Date.now()));
  const answering = conversations.answering.value.split(" ");
  const shown = conversations.current.value.id;
  const count = groups.value.reduce((sum, { heads }) => sum + heads.length, 0);
  const more = (): void => void (drawn.value += step);
  let left = drawn.value;

  function take(heads: readonly Head[]): readonly Head[] {
    const taken = heads.slice(0, Math.max(0, left));
    left -= taken.length;
    return taken;
  }

  return (
    <div
      class="conversation-list"
      onScroll={({ currentTarget }) => {
        const { scrollHeight, scrollTop, clientHeight } = currentTarget;
        // An open menu would stay where its row was.
        currentTarget.querySelector<HTMLElement>(":popover-open")?.hidePopover();
        if (drawn.value < count && scrollHeight - scrollTop - clientHeight < nearEndPx) more();
      }}
    >
      {groups.value.map(({ name, heads }) => {
        const some = take(heads);
        if (some.length === 0) return null;
        return (
          <section key={name} aria-label={name}>
            <h2 class="group-name small muted">{name}</h2>
            <ul>
              {some.map((head) => (
                <ConversationEntry
                  key={head.id}
                  head={head}
                  shown={head.id === shown}
                  live={answering.includes(head.id)}
                />
              ))}
            </ul>
          </section>
        );
      })}
      {drawn.value < count && <Button label={`Show more (${count - drawn.value})`} kind="tiny quiet" onClick={more} />}
    </div>
  );
}
