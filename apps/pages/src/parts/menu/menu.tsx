// Owns a button that opens a menu of actions. The menu floats over the page: Escape, an action and a click elsewhere close it.
import { useSignal } from "@preact/signals";
import type { ComponentChildren, VNode } from "preact";
import { useId, useRef } from "preact/hooks";
import { Button, type IconName } from "../icons.tsx";
import { moveFocus } from "./move-focus.ts";

export interface MenuProps {
  /** Name of the button and of its menu. */
  readonly label: string;
  /** CSS classes of the button's size and colours. */
  readonly kind: string;
  /** The button's content. */
  readonly face: ComponentChildren;
  readonly disabled?: boolean;
  readonly items: readonly (readonly [icon: IconName, label: string, onClick: () => void])[];
}

export function Menu({ label, kind, face, disabled = false, items }: MenuProps): VNode {
  const id = useId();
  const open = useSignal(false);
  const box = useRef<HTMLSpanElement>(null);
  return (
    <span
      ref={box}
      class="menu-box"
      onKeyDown={(event) => {
        if (!open.peek()) return;
        // The browser closes the menu, and the key does not reach the page, where it would stop an answer.
        if (event.key === "Escape") event.stopPropagation();
        moveFocus(event, box.current?.querySelectorAll("button"));
      }}
    >
      <Button label={face} kind={kind} aria-label={label} title={label} popoverTarget={id} disabled={disabled} />
      <div
        id={id}
        popover="auto"
        class="menu"
        role="group"
        aria-label={label}
        onBeforeToggle={({ currentTarget, newState }) => {
          if (newState === "closed") return;
          open.value = true;
          place(currentTarget, box.current?.firstElementChild);
        }}
        // Not earlier: the browser returns the focus from an action to the button.
        onToggle={({ newState }) => (open.value = newState === "open")}
        onClick={({ currentTarget }) => currentTarget.hidePopover()}
      >
        {open.value &&
          items.map(([icon, words, onClick]) => (
            <Button key={words} icon={icon} label={words} kind="tiny quiet" onClick={onClick} />
          ))}
      </div>
    </span>
  );
}

/** Below the button, or above it in the lower half of the window. */
function place({ style }: HTMLElement, button: Element | null | undefined): void {
  if (button == null) return;
  const { top, bottom, left } = button.getBoundingClientRect();
  const isLow = top > innerHeight / 2;
  style.top = isLow ? "auto" : `${bottom}px`;
  style.bottom = isLow ? `${innerHeight - top}px` : "auto";
  style.left = `min(${left}px, 100vw - 15rem)`;
}
