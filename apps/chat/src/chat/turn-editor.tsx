// Owns the box in which what was said is changed, and whether it is open: what is half edited is there again when the turn is.
import { signal, useSignal } from "@preact/signals";
import type { Signal } from "@preact/signals";
import type { VNode } from "preact";
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { growToFit } from "./composer.tsx";
import { forgetTyped, keepTyped, typedBefore } from "./typed.ts";

/** Whether this turn is being edited. */
export function useEditing(turnId: string): Signal<boolean> {
  return useMemo(() => signal(typedBefore(`edit.${turnId}`) !== undefined), [turnId]);
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
}: TurnEditorProps): VNode {
  const keptFor = `edit.${turnId}` as const;
  const edited = useSignal(useMemo(() => typedBefore(keptFor)?.["text"], [keptFor]) ?? text);
  const box = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => box.current?.focus(), []);
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
          if (event.key === "Escape") {
            event.stopPropagation();
            cancel();
          }
          if (!enterSaves || event.key !== "Enter" || event.shiftKey || event.isComposing) return;
          event.preventDefault();
          save();
        }}
      />
      <div class="row end">
        <button type="button" class="button quiet" onClick={cancel}>
          Cancel
        </button>
        <button class="button primary">{action}</button>
      </div>
    </form>
  );
}
