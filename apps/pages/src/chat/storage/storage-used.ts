// Owns the size of the browser's storage that this site uses, and the request to keep that storage.
import { effect, type ReadonlySignal } from "@preact/signals";
import { formatBytes } from "../../parts/format.ts";
import type { Conversation } from "../conversation/conversation.ts";

/** For example "2.1 MB". Undefined on insecure origins, where browsers do not report the size. */
export async function storageUsed(): Promise<string | undefined> {
  const storage = (navigator as { readonly storage?: StorageManager }).storage;
  const { usage } = (await storage?.estimate().catch(() => undefined)) ?? {};
  if (usage === undefined) return undefined;
  return formatBytes(usage);
}

/** Requests lasting storage only after the first answer: some browsers ask the visitor, who then knows the reason. A refusal has no effect. */
export function persistOnceAnswered(current: ReadonlySignal<Conversation>): void {
  const stop = effect(() => {
    if (!current.value.turns.some((message) => message.role === "assistant" && message.phase === "done")) return;
    const storage = (navigator as { readonly storage?: StorageManager }).storage;
    storage?.persist().catch(() => undefined);
    queueMicrotask(() => stop());
  });
}
