// Owns the message box and its attached files. Enter sends, Shift+Enter begins a new line, and a button stops a streaming answer.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useCallback, useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { Icon } from "../../parts/icons.tsx";
import type { Attachment } from "../attachments/attachment.ts";
import { FileDrop } from "../attachments/file-drop.tsx";
import type { PendingFiles } from "../attachments/pending-files.ts";
import { PendingList } from "../attachments/pending-list.tsx";
import type { Draft } from "./drafts.ts";
import { isComposing } from "./is-composing.ts";

export interface ComposerProps {
  readonly live: boolean;
  /** Whether the conversation is still being read; until then no message can be sent. */
  readonly reading: boolean;
  /** Unsent content of the box when the conversation was last shown. */
  readonly draft: Draft;
  readonly onDraft: (draft: Draft) => void;
  /** The files of that draft. */
  readonly pending: PendingFiles;
  readonly onSend: (text: string, attachments: readonly Attachment[]) => void;
  readonly onStop: () => void;
}

export function Composer({ live, reading, draft, onDraft, pending, onSend, onStop }: ComposerProps): VNode {
  const text = useSignal(draft.text);
  const box = useRef<HTMLTextAreaElement>(null);
  useEffect(() => box.current?.focus(), []);
  useLayoutEffect(() => {
    if (box.current !== null) growToFit(box.current);
  }, [text.value]);
  const empty = text.value.trim() === "" && pending.files.value.length === 0;
  const unready = empty || pending.reading.value || reading;

  const attach = useCallback(
    (files: readonly File[]) => {
      pending.add(files);
      box.current?.focus();
    },
    [pending],
  );

  function write(now: string): void {
    text.value = now;
    const attachments = pending.attachments();
    onDraft({ text: now, ...(attachments.length > 0 ? { attachments } : {}) });
  }

  function send(): void {
    if (unready) return;
    const message = text.value;
    // Empty the box before sending: sending gives a new conversation an id, and its draft another key.
    text.value = "";
    const attachments = pending.take();
    write("");
    onSend(message, attachments);
    box.current?.focus();
  }

  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <PendingList pending={pending} />
      <FileDrop onFiles={attach} />
      <AttachButton onFiles={attach} />
      <label class="visually-hidden" for="message">
        Message
      </label>
      <textarea
        id="message"
        ref={box}
        rows={1}
        placeholder="Write a message"
        value={text.value}
        onInput={(event) => write(event.currentTarget.value)}
        onPaste={(event) => {
          const files = pastedFiles(event.clipboardData);
          if (files.length === 0) return;
          event.preventDefault();
          attach(files);
        }}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || event.shiftKey || isComposing(event)) return;
          event.preventDefault();
          send();
        }}
      />
      {live && (
        <button
          type="button"
          class={empty ? "button icon primary" : "button icon"}
          aria-label="Stop"
          title="Stop (Esc)"
          onClick={onStop}
        >
          <Icon name="stop" />
        </button>
      )}
      {!(live && empty) && (
        <button class="button icon primary" aria-label="Send" title="Send (Enter)" disabled={unready}>
          <Icon name="send" />
        </button>
      )}
    </form>
  );
}

function AttachButton({ onFiles }: { readonly onFiles: (files: readonly File[]) => void }): VNode {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button
        type="button"
        class="button icon quiet"
        aria-label="Attach files"
        title="Attach text files or PDFs"
        onClick={() => input.current?.click()}
      >
        <Icon name="attach" />
      </button>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        onChange={(event) => {
          onFiles([...(event.currentTarget.files ?? [])]);
          // Clear the field: otherwise, choosing the same file again would fire no event.
          event.currentTarget.value = "";
        }}
      />
    </>
  );
}

/** The files to attach. Word processors add a picture to copied text: only the text is pasted. File managers add a file's name, which is ignored. */
function pastedFiles(clipboard: DataTransfer | null): readonly File[] {
  const files = [...(clipboard?.files ?? [])];
  const hasText = clipboard?.types.includes("text/plain") === true;
  return hasText && files.every(({ type }) => type.startsWith("image/")) ? [] : files;
}

/** Sets the box's height to the height of its text, up to the stylesheet's limit. */
export function growToFit(box: HTMLTextAreaElement): void {
  box.style.height = "auto";
  box.style.height = `${box.scrollHeight + 2}px`;
}
