// Owns unsent edits outside the message box: of messages, answers and results of tool calls. In this tab, they survive switching and reload.
import { storeItem, readItem, tabStorage } from "../../wire/browser-storage.ts";

/** Texts by field. */
export type Edits = Readonly<Record<string, string>>;

/** A message that is being edited, the files removed from it, or an answer that waits for results. */
export type EditTarget = `edit.${string}` | `files.${string}` | `results.${string}`;

const prefix = "waggle.";

export function storedEdits(what: EditTarget): Edits | undefined {
  const edits = readItem(tabStorage, prefix + what);
  return typeof edits === "object" && edits !== null ? (edits as Edits) : undefined;
}

export function storeEdits(what: EditTarget, edits: Edits): void {
  storeItem(tabStorage, prefix + what, JSON.stringify(edits));
}

export function removeEdits(what: EditTarget): void {
  tabStorage.removeItem(prefix + what);
}
