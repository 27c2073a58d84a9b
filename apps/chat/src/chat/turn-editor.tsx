// Owns the box in which what was said is changed, and whether it is open: what is half edited is there again when the turn is.
import { signal, useSignal } from "@preact/signals";
import type { Signal } from "@preact/signals";
import type { ComponentChildren, RefObject, VNode } from "preact";
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { growToFit } from "./composer.tsx";
import { isComposing } from "./is-composing.ts";
import { forgetTyped, keepTyped, typedBefore } from "./typed.ts";

export interface Editing {
  /** Whether this turn is being edited. */
  readonly open: Signal<boolean>;
  /** Of the button that begins it: it has the focus again afterwards. */
  readonly button: RefObject<HTMLButtonElement | null>;
}

export function useEditing(turnId: string): Editing {
  const open = useMemo(() => signal(typedBefore(`edit.${turnId}`) !== undefined), [turnId]);
  const button = useRef<HTMLButtonElement>(null);
  const wasOpen = useRef(false);
  useLayoutEffect(() => {
    if (wasOpen.current && !open.value) button.current?.focus();
    wasOpen.current = open.value;
  }, [open.value]);
  return { open, button };
}

export interface TurnEditorProps {
  readonly turnId: string;
  /** What it says now. */
  readonly text: string;
  readonly label: string;
  /** What the button says. */
  readonly action: string;
  /** Enter saves, as in the message box; else it begins a line. */
  readonly enterSaves: boolean;
  /** Without a text there is enough, too. */
  readonly optional?: boolean;
  readonly onSave: (text: string) => void;
  readonly onCancel: () => void;
  /** What stands beside the buttons: the way to other versions. */
  readonly children: ComponentChildren;
}

export function TurnEditor({
  turnId,
  text,
  label,
  action,
  enterSaves,
  optional = false,
  onSave,
  onCancel,
  children,
}: TurnEditorProps): VNode {
  const keptFor = `edit.${turnId}` as const;
  const kept = useMemo(() => typedBefore(keptFor)?.["text"], [keptFor]);
  const edited = useSignal(kept ?? text);
  const box = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => {
    // What is there again was not asked for now: the next letter is for the message box.
    if (kept === undefined) box.current?.focus();
  }, []);
  useLayoutEffect(() => {
    if (box.current !== null) growToFit(box.current);
  }, [edited.value]);

  function write(now: string): void {
    edited.value = now;
    keepTyped(keptFor, { text: now });
  }

  function save(): void {
    if (!optional && edited.value.trim() === "") return;
    forgetTyped(keptFor);
    onSave(edited.value);
    document.getElementById("message")?.focus();
  }

  function cancel(): void {
    forgetTyped(keptFor);
    onCancel();
  }

  return (
    <form
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
          <button type="button" class="button quiet" onClick={cancel}>
            Cancel
          </button>
          <button class="button primary">{action}</button>
        </div>
      </div>
    </form>
  );
}
