// Owns what has been typed as the results of an answer's calls and has not been sent: it survives switching and reload, in this tab.
import { keepItem, tabStorage } from "../../wire/browser-storage.ts";

/** By the id of the call. */
export type Typed = Readonly<Record<string, string>>;

const prefix = "waggle.results.";

export function typedBefore(answerId: string): Typed {
  try {
    return (JSON.parse(tabStorage.getItem(prefix + answerId) ?? "{}") ?? {}) as Typed;
  } catch {
    return {};
  }
}

export function keepTyped(answerId: string, typed: Typed): void {
  keepItem(tabStorage, prefix + answerId, JSON.stringify(typed));
}

export function forgetTyped(answerId: string): void {
  tabStorage.removeItem(prefix + answerId);
}
