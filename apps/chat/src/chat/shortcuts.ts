// Owns the keyboard shortcuts: which keys do what, and when a key is one. Single keys, so that none of the browser's is taken; never while
// somebody types. Pure but for whether they are on, which this browser keeps.
import { signal } from "@preact/signals";
import type { ReadonlySignal } from "@preact/signals";
import { keepItem, lastingStorage } from "../wire/browser-storage.ts";

export const shortcuts = [
  { id: "new", key: "n", words: "New conversation" },
  { id: "search", key: "/", words: "Search the conversations" },
  { id: "focus", key: "m", words: "Go to the message box" },
  { id: "copy", key: "c", words: "Copy the last answer" },
  { id: "regenerate", key: "r", words: "Regenerate the last answer" },
  { id: "settings", key: "s", words: "Open the settings" },
  { id: "list", key: "?", words: "Show this list" },
] as const;

export type ShortcutId = (typeof shortcuts)[number]["id"];

/** Those that work everywhere, typing or not. */
export const fixedKeys = [
  { key: "Esc", words: "Stop the answer; from the message box, leave it, so that the keys above work" },
  { key: "Enter", words: "Send the message" },
  { key: "Shift + Enter", words: "Begin a new line" },
] as const;

/** What of a key press decides. */
export interface KeyPress {
  readonly key: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
  readonly isComposing: boolean;
  readonly defaultPrevented: boolean;
}

/** @param typing whether what has the focus takes letters */
export function shortcutOf(press: KeyPress, typing: boolean): ShortcutId | undefined {
  if (typing || press.ctrlKey || press.metaKey || press.altKey || press.isComposing || press.defaultPrevented) {
    return undefined;
  }
  return shortcuts.find(({ key }) => key === press.key)?.id;
}

/** A select takes letters too: it goes to the option that begins with one. */
export function takesLetters(element: Element | null): boolean {
  if (element === null) return false;
  const { tagName } = element;
  if (tagName === "TEXTAREA" || tagName === "SELECT" || (element as HTMLElement).isContentEditable) return true;
  return tagName === "INPUT" && !["checkbox", "radio", "button", "file"].includes((element as HTMLInputElement).type);
}

const storageKey = "waggle.shortcuts";

export interface ShortcutSwitch {
  readonly on: ReadonlySignal<boolean>;
  set(on: boolean): void;
}

/** Who speaks to the computer instead of typing may have single keys pressed that nobody meant. */
export function createShortcutSwitch(place: Pick<Storage, "getItem" | "setItem"> = lastingStorage): ShortcutSwitch {
  const on = signal(place.getItem(storageKey) !== "off");
  return {
    on,
    set(wanted) {
      on.value = wanted;
      // Without room for it, it holds until the page is closed.
      keepItem(place, storageKey, wanted ? "on" : "off");
    },
  };
}
