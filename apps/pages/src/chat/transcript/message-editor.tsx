// Owns the editor of a message, and whether it is open. An unsent edit is restored with its message.
import { signal, useSignal, useSignalEffect, type Signal } from "@preact/signals";
import type { ComponentChildren, RefObject, VNode } from "preact";
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { Button, IconButton } from "../../parts/icons.tsx";
import { growToFit } from "../composer/composer.tsx";
import { isComposing } from "../composer/is-composing.ts";
import { removeEdits, storeEdits, storedEdits } from "../composer/unsent-edits.ts";

export interface Editing {
  readonly messageId: string;
  /** Whether this message is being edited. */
  readonly open: Signal<boolean>;
  /** The button that opens the editor; it gets the focus back when the editor closes. */
  readonly button: RefObject<HTMLButtonElement | null>;
}

/** Set to open the editor of a message on the page. */
export const messageToEdit = signal<string | undefined>(undefined);

export function useEditing(messageId: string): Editing {
  const open = useMemo(() => signal(storedEdits(`edit.${messageId}`) !== undefined), [messageId]);
  useSignalEffect(() => {
    if (messageToEdit.value !== messageId) return;
    messageToEdit.value = undefined;
    open.value = true;
  });
  const button = useRef<HTMLButtonElement>(null);
  const wasOpen = useRef(false);
  useLayoutEffect(() => {
    if (wasOpen.current && !open.value) button.current?.focus();
    wasOpen.current = open.value;
  }, [open.value]);
  return { messageId, open, button };
}

export function EditButton({ editing, label }: { readonly editing: Editing; readonly label: string }): VNode {
  return <IconButton ref={editing.button} icon="edit" label={label} onClick={() => (editing.open.value = true)} />;
}

export interface MessageEditorProps {
  readonly editing: Editing;
  readonly text: string;
  readonly label: string;
  /** Label of the button. */
  readonly action: string;
  /** Whether Enter saves, as in the message box; otherwise Enter begins a new line. */
  readonly enterSaves?: boolean;
  /** Whether an empty text can be saved. */
  readonly optional?: boolean;
  readonly onSave: (text: string) => void;
  readonly onCancel?: () => void;
  /** The switch to other versions, shown next to the buttons. */
  readonly children: ComponentChildren;
}

export function MessageEditor(props: MessageEditorProps): VNode {
  const { editing, text, label, action, enterSaves = false, optional = false, onSave, onCancel, children } = props;
  const keptFor = `edit.${editing.messageId}` as const;
  const kept = useMemo(() => storedEdits(keptFor)?.["text"], [keptFor]);
  const edited = useSignal(kept ?? text);
  const form = useRef<HTMLFormElement>(null);
  const box = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => {
    if (box.current !== null) growToFit(box.current);
  }, [edited.value]);
  useLayoutEffect(() => {
    // A restored editor takes no focus, because the visitor did not open it: the next letter belongs to the message box.
    if (kept !== undefined) return;
    box.current?.focus();
    // The focus shows only the caret; the buttons are below it.
    form.current?.scrollIntoView({ block: "nearest" });
  }, []);

  function write(now: string): void {
    edited.value = now;
    storeEdits(keptFor, { text: now });
  }

  function save(): void {
    if (!optional && edited.value.trim() === "") return;
    close();
    onSave(edited.value);
    document.getElementById("message")?.focus();
  }

  function cancel(): void {
    close();
    onCancel?.();
  }

  function close(): void {
    removeEdits(keptFor);
    editing.open.value = false;
  }

  return (
    <form
      ref={form}
      class="editor stack"
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
    >
      <textarea
        ref={box}
        class="input"
        aria-label={label}
        value={edited.value}
        onInput={(event) => write(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (isComposing(event)) return;
          if (event.key === "Escape") {
            event.stopPropagation();
            cancel();
          }
          if (!enterSaves || event.key !== "Enter" || event.shiftKey) return;
          event.preventDefault();
          save();
        }}
      />
      <div class="spread">
        <div>{children}</div>
        <div class="row">
          <Button label="Cancel" kind="quiet" onClick={cancel} />
          <button class="button primary">{action}</button>
        </div>
      </div>
    </form>
  );
}
