// Owns the badge of a model's state on all pages: a word, and a colour that repeats it.
import type { ModelStateName } from "@waggle/protocol";
import { modelStateWords } from "@waggle/protocol/words";
import type { VNode } from "preact";

export function ModelState({ state }: { readonly state: ModelStateName }): VNode {
  const colour = state === "ready" ? "good" : state === "failed" ? "bad" : state === "unloaded" ? "" : "warn";
  return <span class={`badge ${colour}`}>{modelStateWords[state]}</span>;
}

export function stateWord(state: ModelStateName): string {
  return modelStateWords[state];
}
