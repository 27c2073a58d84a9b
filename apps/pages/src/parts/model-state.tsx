// Owns the badge of a model's state on all pages: a word, and a colour that repeats it.
import type { ModelStateName } from "@waggle/protocol";
import type { VNode } from "preact";

const badges: Readonly<Record<ModelStateName, { readonly badge: string; readonly word: string }>> = {
  unloaded: { badge: "badge", word: "not loaded" },
  waiting: { badge: "badge warn", word: "waiting" },
  downloading: { badge: "badge warn", word: "downloading" },
  loading: { badge: "badge warn", word: "loading" },
  ready: { badge: "badge good", word: "ready" },
  unloading: { badge: "badge warn", word: "unloading" },
  failed: { badge: "badge bad", word: "failed" },
};

export function stateWord(state: ModelStateName): string {
  return badges[state].word;
}

export function ModelState({ state }: { readonly state: ModelStateName }): VNode {
  return <span class={badges[state].badge}>{badges[state].word}</span>;
}
