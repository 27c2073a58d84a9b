// Owns how much of the browser's storage this site uses, and the request to keep it.
import { effect } from "@preact/signals";
import type { ReadonlySignal } from "@preact/signals";
import { formatBytes } from "../../parts/format.ts";
import type { Conversation } from "../conversation/conversation.ts";

/** "2.1 MB". Undefined on insecure origins, where browsers do not report it. */
export async function storageUsed(): Promise<string | undefined> {
  const storage = (navigator as { readonly storage?: StorageManager }).storage;
  const { usage } = (await storage?.estimate().catch(() => undefined)) ?? {};
  if (usage === undefined) return undefined;
  return formatBytes(usage);
}

/**
 * Some browsers ask the visitor, who should know the reason: so not before the first answer. A refusal changes nothing here.
 */
export function persistOnceAnswered(current: ReadonlySignal<Conversation>): void {
  const stop = effect(() => {
    if (!current.value.turns.some((turn) => turn.role === "assistant" && turn.phase === "done")) return;
    const storage = (navigator as { readonly storage?: StorageManager }).storage;
    storage?.persist().catch(() => undefined);
    queueMicrotask(() => stop());
  });
}
