// Owns the keyboard shortcuts. They are single keys, so that they override no shortcut of the browser, and have no effect while the visitor
// types. This browser stores whether they are on.
import { createRememberedSwitch, type RememberedSwitch } from "../../parts/remembered-switch.tsx";

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

/** Keys that also work while the visitor types. */
export const fixedKeys = [
  { key: "Esc", words: "Stop the answer, or leave the message box so that the keys above work" },
  { key: "Enter", words: "Send the message" },
  { key: "Shift + Enter", words: "Begin a new line" },
] as const;

/** The parts of a key press that matter. */
export type KeyPress = Pick<
  KeyboardEvent,
  "key" | "ctrlKey" | "metaKey" | "altKey" | "isComposing" | "defaultPrevented"
>;

/** @param typing whether the focused element takes letters */
export function shortcutOf(press: KeyPress, typing: boolean): ShortcutId | undefined {
  if (typing || press.ctrlKey || press.metaKey || press.altKey || press.isComposing || press.defaultPrevented) {
    return undefined;
  }
  return shortcuts.find(({ key }) => key === press.key)?.id;
}

/** A select takes letters too: a letter selects an option that begins with it. */
export function takesLetters(element: Element | null): boolean {
  if (element === null) return false;
  const { tagName } = element;
  if (tagName === "TEXTAREA" || tagName === "SELECT" || (element as HTMLElement).isContentEditable) return true;
  return tagName === "INPUT" && !["checkbox", "radio", "button", "file"].includes((element as HTMLInputElement).type);
}

/** Dictation software may press single keys that the visitor did not intend, so the visitor can turn the shortcuts off. */
export const shortcutSwitch: RememberedSwitch = createRememberedSwitch("waggle.shortcuts", "on");
