// Owns the box that a message is written in. Enter sends, Shift and Enter begins a line, and the button stops while an answer comes.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { Icon } from "../parts/icons.tsx";
import type { Draft } from "./drafts.ts";

export interface ComposerProps {
  readonly live: boolean;
  /** What stood in the box when the conversation was shown last. */
  readonly draft: Draft;
  readonly onDraft: (draft: Draft) => void;
  readonly onSend: (text: string) => void;
  readonly onStop: () => void;
}

export function Composer({ live, draft, onDraft, onSend, onStop }: ComposerProps): VNode {
  const text = useSignal(draft.text);
  const box = useRef<HTMLTextAreaElement>(null);
  useEffect(() => box.current?.focus(), []);
  useLayoutEffect(() => {
    if (box.current !== null) growToFit(box.current);
  }, [text.value]);
  const empty = text.value.trim() === "";

  function write(now: string): void {
    text.value = now;
    onDraft({ text: now });
  }

  function send(): void {
    if (empty) return;
    const said = text.value;
    // Before it is sent: sending may give a new conversation, and so its draft, another name.
    write("");
    onSend(said);
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
        onKeyDown={(event) => {
          if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
          event.preventDefault();
          send();
        }}
      />
      {live && empty ? (
        <button type="button" class="button icon primary" aria-label="Stop" title="Stop (Esc)" onClick={onStop}>
          <Icon name="stop" />
        </button>
      ) : (
        <button class="button icon primary" aria-label="Send" title="Send (Enter)" disabled={empty}>
          <Icon name="send" />
        </button>
      )}
    </form>
  );
}

/** The stylesheet bounds it. */
export function growToFit(box: HTMLTextAreaElement): void {
  box.style.height = "auto";
  box.style.height = `${box.scrollHeight + 2}px`;
}
