// Owns one conversation in the list, with its actions.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { formText } from "../../parts/form-text.ts";
import { ActionButton, Icon, IconButton } from "../../parts/icons.tsx";
import { Menu } from "../../parts/menu.tsx";
import type { Head } from "../conversation/conversation.ts";
import type { FileKind } from "../storage/library.ts";

export interface ListActions {
  show(id: string): void;
  delete(id: string): void;
  rename(id: string, title: string): void;
  pin(id: string, pinned: boolean): void;
  export(kind: FileKind, id: string): void;
}

interface EntryProps {
  readonly head: Head;
  readonly shown: boolean;
  readonly live: boolean;
  readonly actions: ListActions;
}

/** Draws the entry again only when a property has changed. */
export function ConversationEntry({ head, shown, live, actions }: EntryProps): VNode {
  return useMemo(() => <Entry {...{ head, shown, live, actions }} />, [head, shown, live, actions]);
}

function Entry({ head, shown, live, actions }: EntryProps): VNode {
  const renaming = useSignal(false);
  const { id, title } = head;
  if (renaming.value) {
    return (
      <li class="entry">
        <Renaming
          title={title}
          onDone={(name) => {
            if (name !== undefined) actions.rename(id, name);
            renaming.value = false;
          }}
        />
      </li>
    );
  }
  return (
    <li class={shown ? "entry shown" : "entry"}>
      <button
        type="button"
        class="entry-title"
        title={title}
        aria-current={shown ? "page" : undefined}
        onClick={() => actions.show(id)}
      >
        {live && <span class="live-dot pulse" role="img" aria-label="Answering" />}
        <span>{title}</span>
      </button>
      <span class="entry-tools">
        <Menu label={`More for “${title}”`} kind="icon tiny quiet" face={<Icon name="more" />}>
          <ActionButton icon="edit" label="Rename" kind={item} onClick={() => (renaming.value = true)} />
          <ActionButton
            icon="pin"
            label={head.pinned === true ? "Unpin" : "Pin"}
            kind={item}
            onClick={() => actions.pin(id, head.pinned !== true)}
          />
          <ActionButton icon="download" label="Export as JSON" kind={item} onClick={() => actions.export("json", id)} />
          <ActionButton
            icon="download"
            label="Export as Markdown"
            kind={item}
            onClick={() => actions.export("markdown", id)}
          />
          <ActionButton icon="trash" label="Delete" kind={item} onClick={() => actions.delete(id)} />
        </Menu>
        <IconButton icon="trash" label={`Delete “${title}”`} onClick={() => actions.delete(id)} />
      </span>
    </li>
  );
}

const item = "tiny quiet";

/** @param onDone called with the new name; without a name if the typed name is empty or unchanged, or if the visitor cancels */
function Renaming({ title, onDone }: { readonly title: string; readonly onDone: (name?: string) => void }): VNode {
  const box = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => {
    const entry = box.current?.closest("li");
    box.current?.focus();
    box.current?.select();
    return () => setTimeout(() => entry?.querySelector<HTMLElement>(".entry-title")?.focus());
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
