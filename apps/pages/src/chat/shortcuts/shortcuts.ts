// Owns the keyboard shortcuts. They are single keys, so that they override no shortcut of the browser, and have no effect while the visitor
// types; this browser stores whether they are on. The one exception is Ctrl+K, Cmd+K on a Mac: chats and documentation have taught people that it
// finds something in the page, and it has to work from the message box. In browsers it only goes to the address bar, which has Ctrl+L too.
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

const isMac = /mac|iphone|ipad/i.test(globalThis.navigator?.platform ?? "");

/** The keys that find a conversation. On a Mac, Ctrl+K is not one: there it deletes to the end of the line. */
export const findKeys = isMac ? "⌘ K" : "Ctrl + K";

/** Keys that also work while the visitor types. */
export const fixedKeys = [
  { key: findKeys, words: "Find a conversation: arrows move through the hits, Enter opens one" },
  { key: "Esc", words: "Stop the answer, or leave the message box so that the keys above work" },
  { key: "Enter", words: "Send the message" },
  { key: "Shift + Enter", words: "Begin a new line" },
] as const;

/** The parts of a key press that matter. */
export type KeyPress = Pick<
  KeyboardEvent,
  "key" | "ctrlKey" | "metaKey" | "altKey" | "shiftKey" | "isComposing" | "defaultPrevented"
>;

/** @param mac whether the page runs on a Mac */
export function isFind(press: KeyPress, mac: boolean = isMac): boolean {
  const held = mac ? press.metaKey && !press.ctrlKey : press.ctrlKey && !press.metaKey;
  return held && !press.altKey && !press.shiftKey && !press.defaultPrevented && press.key.toLowerCase() === "k";
}

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
