// Owns one conversation in the list, with its actions.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { formText } from "../../parts/form-text.ts";
import { ActionButton, IconButton } from "../../parts/icons.tsx";
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
  const state = useSignal<"closed" | "open" | "renaming">("closed");
  const more = useRef<HTMLButtonElement>(null);
  const { id, title } = head;
  const close = (): void => void (state.value = "closed");
  const closing = (act: () => void) => () => {
    act();
    close();
  };
  if (state.value === "renaming") {
    return (
      <li class="entry">
        <Renaming title={title} onDone={(name) => closing(() => name !== undefined && actions.rename(id, name))()} />
      </li>
    );
  }
  return (
    <li
      class={shown ? "entry shown" : "entry"}
      onKeyDown={(event) => {
        if (event.key !== "Escape" || state.peek() !== "open") return;
        event.stopPropagation();
        close();
        more.current?.focus();
      }}
    >
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
      <IconButton
        ref={more}
        icon="more"
        label={`More for “${title}”`}
        aria-expanded={state.value === "open"}
        onClick={() => (state.value = state.value === "open" ? "closed" : "open")}
      />
      <IconButton icon="trash" label={`Delete “${title}”`} onClick={() => actions.delete(id)} />
      {state.value === "open" && (
        <div class="entry-actions" role="group" aria-label={`“${title}”`}>
          <ActionButton icon="edit" label="Rename" kind="tiny quiet" onClick={() => (state.value = "renaming")} />
          <ActionButton
            icon="pin"
            label={head.pinned === true ? "Unpin" : "Pin"}
            kind="tiny quiet"
            onClick={closing(() => actions.pin(id, head.pinned !== true))}
          />
          {(["JSON", "Markdown"] as const).map((label) => (
            <ActionButton
              key={label}
              icon="download"
              label={label}
              title={`Export as ${label}`}
              kind="tiny quiet"
              onClick={closing(() => actions.export(label === "JSON" ? "json" : "markdown", id))}
            />
          ))}
        </div>
      )}
    </li>
  );
}

/** @param onDone called with the new name; without a name if the typed name is empty or unchanged, or if the visitor cancels */
function Renaming({ title, onDone }: { readonly title: string; readonly onDone: (name?: string) => void }): VNode {
  const box = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => box.current?.select(), []);
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
