// Owns the keys of the chat page: Escape, the shortcuts, and their list.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { ShortcutsDialog } from "./shortcuts-dialog.tsx";
import { isFind, shortcutOf, shortcutSwitch, takesLetters, type ShortcutId } from "./shortcuts.ts";

export interface ShortcutKeysProps {
  /** Called for Escape when no dialog is open. Returns false if there was nothing to stop or close. */
  readonly onEscape: () => boolean;
  readonly on: Readonly<Record<Exclude<ShortcutId, "list">, () => void>>;
}

export function ShortcutKeys(props: ShortcutKeysProps): VNode | null {
  const listed = useSignal(false);
  const latest = useRef(props);
  latest.current = props;
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (document.querySelector("dialog[open]") !== null) return;
      const { onEscape, on } = latest.current;
      const focused = document.activeElement;
      if (event.key === "Escape") {
        // Leaves the field, so that the next key is a shortcut.
        if (!event.defaultPrevented && !onEscape() && focused instanceof HTMLElement) focused.blur();
        return;
      }
      const isOn = shortcutSwitch.on.peek();
      const id = isFind(event) ? "search" : isOn ? shortcutOf(event, takesLetters(focused)) : undefined;
      if (id === undefined) return;
      event.preventDefault();
      if (id === "list") listed.value = true;
      else on[id]();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [listed]);
  return (
    <>
      <button
        type="button"
        class="button icon quiet only-wide"
        aria-label="Keyboard shortcuts"
        title="Keyboard shortcuts"
        onClick={() => (listed.value = true)}
      >
        <kbd>?</kbd>
      </button>
      {listed.value && <ShortcutsDialog onClose={() => (listed.value = false)} />}
    </>
  );
}
