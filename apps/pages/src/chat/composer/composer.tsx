// Owns the message box and its attached files. Enter sends, Shift+Enter begins a new line, and a button stops a streaming answer.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { IconButton, type IconName } from "../../parts/icons.tsx";
import { picturesIn } from "../attachments/attachment.ts";
import { FileDrop } from "../attachments/file-drop.tsx";
import { PendingList } from "../attachments/pending-list.tsx";
import { shownLiveAnswer, shownMessages, type Conversation } from "../conversation/conversation.ts";
import { ToolsButton } from "../mcp/tools-button.tsx";
import type { ModelFacts } from "../model/model-facts.ts";
import { usePage } from "../page.ts";
import { pictureKeys } from "../pictures/held-pictures.ts";
import { blindWords, sightOf } from "../pictures/sight.ts";
import { isComposing } from "./is-composing.ts";

export interface ComposerProps {
  readonly conversation: Conversation;
  /** The draft of the conversation. */
  readonly draftKey: string;
  /** The model that answers. */
  readonly facts: ModelFacts | undefined;
  /** Whether no model can answer. */
  readonly noModel: boolean;
}

export function Composer({ conversation, draftKey, facts, noModel }: ComposerProps): VNode {
  const { chat, conversations, drafts, draftFiles } = usePage();
  const live = shownLiveAnswer(conversation) !== undefined;
  const draft = drafts.get(draftKey);
  const pending = draftFiles.of(draftKey);
  const sight = sightOf(facts);
  const sent = useMemo(() => pictureKeys(conversation.id, shownMessages(conversation)).length, [conversation]);
  const text = useSignal(draft.text);
  const box = useRef<HTMLTextAreaElement>(null);
  useEffect(() => box.current?.focus(), []);
  useLayoutEffect(() => {
    if (box.current !== null) growToFit(box.current);
  }, [text.value]);
  const empty = text.value.trim() === "" && pending.files.value.length === 0;
  const pictures = sent + picturesIn(pending.files.value.flatMap(({ attachment }) => attachment ?? [])).length;
  const unready = empty || pending.reading.value || conversations.reading.value || noModel;

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
    drafts.set(draftKey, { text: now, ...(attachments.length > 0 ? { attachments } : {}) });
  }

  function send(): void {
    if (unready) return;
    const message = text.value;
    // Empty the box before sending: sending gives a new conversation an id, and its draft another key.
    text.value = "";
    const attachments = pending.take();
    write("");
    chat.send(message, attachments);
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
      <ToolsButton settings={conversation.settings} facts={facts} />
      <label class="visually-hidden" for="message">
        Message
      </label>
      <textarea
        id="message"
        ref={box}
        rows={1}
        placeholder={noModel ? "Download a model first" : "Write a message"}
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
        <IconButton icon="stop" label="Stop" title="Stop (Esc)" kind={empty ? "primary" : ""} onClick={chat.stop} />
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
