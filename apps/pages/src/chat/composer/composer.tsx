// Owns the message box and its attached files. Enter sends, Shift+Enter begins a new line, and a button stops a streaming answer.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useCallback, useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { IconButton, type IconName } from "../../parts/icons.tsx";
import { picturesIn, type Attachment } from "../attachments/attachment.ts";
import { FileDrop } from "../attachments/file-drop.tsx";
import type { PendingFiles } from "../attachments/pending-files.ts";
import { PendingList } from "../attachments/pending-list.tsx";
import { blindWords, type Sight } from "../pictures/sight.ts";
import type { Draft } from "./drafts.ts";
import { isComposing } from "./is-composing.ts";

export interface ComposerProps {
  readonly live: boolean;
  /** Whether the conversation is still being read, or no model can answer; until then no message can be sent. */
  readonly reading: boolean;
  readonly placeholder: string;
  /** Unsent content of the box when the conversation was last shown. */
  readonly draft: Draft;
  readonly onDraft: (draft: Draft) => void;
  /** The files of that draft. */
  readonly pending: PendingFiles;
  readonly sight: Sight;
  /** Number of pictures on the shown branch. */
  readonly sentPictures: number;
  /** The button of the tools. */
  readonly tools?: VNode;
  readonly onSend: (text: string, attachments: readonly Attachment[]) => void;
  readonly onStop: () => void;
}

export function Composer(props: ComposerProps): VNode {
  const { live, reading, placeholder, draft, onDraft, pending, sight, sentPictures, tools, onSend, onStop } = props;
  const text = useSignal(draft.text);
  const box = useRef<HTMLTextAreaElement>(null);
  useEffect(() => box.current?.focus(), []);
  useLayoutEffect(() => {
    if (box.current !== null) growToFit(box.current);
  }, [text.value]);
  const empty = text.value.trim() === "" && pending.files.value.length === 0;
  const pictures = sentPictures + picturesIn(pending.files.value.flatMap(({ attachment }) => attachment ?? [])).length;
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
      {sight.sees === false && pictures > 0 && (
        <p class="notice blind anywhere" role="status">
          {blindWords(sight.model, pictures)}
        </p>
      )}
      <PendingList pending={pending} />
      <FileDrop sight={sight} onFiles={attach} />
      <FileButton label="Attach files" title="Attach text files or PDFs" icon="attach" onFiles={attach} />
      {sight.sees === true && (
        <FileButton label="Add pictures" title="Add pictures" icon="picture" accept="image/*" onFiles={attach} />
      )}
      {tools}
      <label class="visually-hidden" for="message">
        Message
      </label>
      <textarea
        id="message"
        ref={box}
        rows={1}
        placeholder={placeholder}
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
        <IconButton icon="stop" label="Stop" title="Stop (Esc)" kind={empty ? "primary" : ""} onClick={onStop} />
      )}
      {!(live && empty) && (
        <IconButton icon="send" label="Send" title="Send (Enter)" kind="primary" type="submit" disabled={unready} />
      )}
    </form>
  );
}

interface FileButtonProps {
  readonly label: string;
  readonly title: string;
  readonly icon: IconName;
  /** The kinds of files that the browser offers. */
  readonly accept?: string;
  readonly onFiles: (files: readonly File[]) => void;
}

function FileButton({ label, title, icon, accept, onFiles }: FileButtonProps): VNode {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <IconButton icon={icon} label={label} title={title} kind="quiet" onClick={() => input.current?.click()} />
      <input
        ref={input}
        type="file"
        accept={accept}
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
