// Owns how a visitor's message is shown, and how it is edited and sent again.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { CopyButton } from "../parts/copy-button.tsx";
import { Icon } from "../parts/icons.tsx";
import { AttachedFiles } from "./attachments/attached-files.tsx";
import { growToFit } from "./composer.tsx";
import type { UserTurn } from "./conversation.ts";

export interface MessageTurnProps {
  readonly turn: UserTurn;
  readonly onResend: (turnId: string, text: string) => void;
}

export function MessageTurn({ turn, onResend }: MessageTurnProps): VNode {
  const editing = useSignal(false);
  if (editing.value) {
    return (
      <li class="turn message">
        {turn.attachments !== undefined && <AttachedFiles attachments={turn.attachments} />}
        <Editor
          text={turn.text}
          optional={turn.attachments !== undefined}
          onSend={(text) => onResend(turn.id, text)}
          onCancel={() => (editing.value = false)}
        />
      </li>
    );
  }
  return (
    <li class="turn message">
      <h3 class="visually-hidden">You</h3>
      {turn.attachments !== undefined && <AttachedFiles attachments={turn.attachments} />}
      {turn.text.trim() !== "" && <p class="bubble">{turn.text}</p>}
      <div class="turn-tools">
        <button
          type="button"
          class="button icon tiny quiet"
          aria-label="Edit and send again"
          title="Edit and send again"
          onClick={() => (editing.value = true)}
        >
          <Icon name="edit" />
        </button>
        <CopyButton text={turn.text} label="Copy message" />
      </div>
    </li>
  );
}

interface EditorProps {
  readonly text: string;
  /** There are files, which say enough. */
  readonly optional: boolean;
  readonly onSend: (text: string) => void;
  readonly onCancel: () => void;
}

function Editor({ text, optional, onSend, onCancel }: EditorProps): VNode {
  const edited = useSignal(text);
  const box = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => box.current?.focus(), []);
  useLayoutEffect(() => {
    if (box.current !== null) growToFit(box.current);
  }, [edited.value]);

  function send(): void {
    if (optional || edited.value.trim() !== "") onSend(edited.value);
  }

  return (
    <form
      class="editor stack"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <textarea
        ref={box}
        class="input"
        aria-label="Edit the message"
        value={edited.value}
        onInput={(event) => (edited.value = event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape") {
            event.stopPropagation();
            onCancel();
          }
          if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
          event.preventDefault();
          send();
        }}
      />
      <div class="row end">
        <button type="button" class="button quiet" onClick={onCancel}>
          Cancel
        </button>
        <button class="button primary">Send again</button>
      </div>
    </form>
  );
}
