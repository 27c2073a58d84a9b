// Owns what has been typed into a conversation beside its message box and has not been sent: a message or an answer half edited, results of
// calls. It survives switching and reload, in this tab.
import { keepItem, readItem, tabStorage } from "../wire/browser-storage.ts";

/** By the field. */
export type Typed = Readonly<Record<string, string>>;

/** What it is typed for: a turn that is edited, or an answer that waits for results. */
export type TypedFor = `edit.${string}` | `results.${string}`;

const prefix = "waggle.";

export function typedBefore(what: TypedFor): Typed | undefined {
  const typed = readItem(tabStorage, prefix + what);
  return typeof typed === "object" && typed !== null ? (typed as Typed) : undefined;
}

export function keepTyped(what: TypedFor, typed: Typed): void {
  keepItem(tabStorage, prefix + what, JSON.stringify(typed));
}

export function forgetTyped(what: TypedFor): void {
  tabStorage.removeItem(prefix + what);
}
