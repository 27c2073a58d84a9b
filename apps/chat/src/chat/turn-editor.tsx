// Owns the box in which what was said is changed.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { growToFit } from "./composer.tsx";

export interface TurnEditorProps {
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
  text,
  label,
  action,
  enterSaves,
  optional = false,
  onSave,
  onCancel,
}: TurnEditorProps): VNode {
  const edited = useSignal(text);
  const box = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => box.current?.focus(), []);
  useLayoutEffect(() => {
    if (box.current !== null) growToFit(box.current);
  }, [edited.value]);

  function save(): void {
    if (optional || edited.value.trim() !== "") onSave(edited.value);
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
        onInput={(event) => (edited.value = event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape") {
            event.stopPropagation();
            onCancel();
          }
          if (!enterSaves || event.key !== "Enter" || event.shiftKey || event.isComposing) return;
          event.preventDefault();
          save();
        }}
      />
      <div class="row end">
        <button type="button" class="button quiet" onClick={onCancel}>
          Cancel
        </button>
        <button class="button primary">{action}</button>
      </div>
    </form>
  );
}
