// Owns one conversation in the list, with its actions.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { formText } from "../../parts/form-text.ts";
import { Icon, IconButton } from "../../parts/icons.tsx";
import { Menu } from "../../parts/menu/menu.tsx";
import { saveFile } from "../../parts/save-file.ts";
import type { Head } from "../conversation/conversation.ts";
import { usePage } from "../page.ts";
import type { FileKind } from "../storage/library.ts";

interface EntryProps {
  readonly head: Head;
  readonly shown: boolean;
  readonly live: boolean;
}

/** Draws the entry again only when a property has changed. */
export function ConversationEntry({ head, shown, live }: EntryProps): VNode {
  return useMemo(() => <Entry {...{ head, shown, live }} />, [head, shown, live]);
}

function Entry({ head, shown, live }: EntryProps): VNode {
  const { conversations, deletions, library, show } = usePage();
  const renaming = useSignal(false);
  const isRenamed = useRef(false);
  const { id, title, pinned = false } = head;
  const exportAs = (kind: FileKind): void => void library.export(kind, [id]).then(saveFile, conversations.report);
  if (renaming.value) {
    return (
      <li class="entry">
        <Renaming
          title={title}
          onDone={(name) => {
            if (name !== undefined) conversations.add(id, [], { title: name, named: true });
            renaming.value = false;
            isRenamed.current = true;
          }}
        />
      </li>
    );
  }
  return (
    <li class={shown ? "entry shown" : "entry"}>
      <button
        // The focus returns from the field of the name.
        ref={(button) => {
          if (isRenamed.current) button?.focus();
          isRenamed.current = false;
        }}
        type="button"
        class="entry-title"
        title={title}
        aria-current={shown ? "page" : undefined}
        onClick={() => show(id)}
      >
        {live && <span class="live-dot pulse" role="img" aria-label="Answering" />}
        <span class="cut">{title}</span>
      </button>
      <span class="entry-tools">
        <Menu
          label={`More for “${title}”`}
          kind="icon tiny quiet"
          face={<Icon name="more" />}
          items={[
            ["edit", "Rename", () => (renaming.value = true)],
            ["pin", pinned ? "Unpin" : "Pin", () => conversations.add(id, [], { pinned: pinned ? undefined : true })],
            ["download", "Export as JSON", () => exportAs("json")],
            ["download", "Export as Markdown", () => exportAs("markdown")],
            ["trash", "Delete", () => deletions.deleteConversation(id)],
          ]}
        />
        {/* The menu deletes too, so the Tab key skips the button. */}
        <IconButton
          icon="trash"
          label={`Delete “${title}”`}
          tabIndex={-1}
          onClick={() => deletions.deleteConversation(id)}
        />
      </span>
    </li>
  );
}

/** @param onDone called with the new name; without a name if the typed name is empty or unchanged, or if the visitor cancels */
function Renaming({ title, onDone }: { readonly title: string; readonly onDone: (name?: string) => void }): VNode {
  const box = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => {
    box.current?.focus();
    box.current?.select();
  }, []);
  return (
    <form
      class="renaming"
      onSubmit={(event) => {
        event.preventDefault();
        const name = formText(new FormData(event.currentTarget), "name");
        onDone(name === "" || name === title ? undefined : name);
      }}
    >
      <input
        ref={box}
        class="input"
        name="name"
        aria-label="Name of the conversation"
        maxLength={200}
        defaultValue={title}
        onKeyDown={(event) => {
          if (event.key !== "Escape") return;
          event.stopPropagation();
          onDone();
        }}
      />
      <IconButton icon="check" label="Save name" kind="tiny" type="submit" />
      <IconButton icon="close" label="Cancel" onClick={() => onDone()} />
    </form>
  );
}
