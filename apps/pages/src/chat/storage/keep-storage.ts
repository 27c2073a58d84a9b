// Owns the request to the browser to keep this site's storage.
import { effect, type ReadonlySignal } from "@preact/signals";
import type { Conversation } from "../conversation/conversation.ts";

/** Requests lasting storage only after the first answer: some browsers ask the visitor, who then knows the reason. A refusal has no effect. */
export function persistOnceAnswered(current: ReadonlySignal<Conversation>): void {
  const stop = effect(() => {
    if (!current.value.turns.some((message) => message.role === "assistant" && message.phase === "done")) return;
    const storage = (navigator as { readonly storage?: StorageManager }).storage;
    storage?.persist().catch(() => undefined);
    queueMicrotask(() => stop());
  });
}
