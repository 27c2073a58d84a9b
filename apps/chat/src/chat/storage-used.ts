// Owns what the browser tells of the room that this site takes, and asking it to keep what is there.
import { effect } from "@preact/signals";
import type { ReadonlySignal } from "@preact/signals";
import type { Conversation } from "./conversation.ts";

/** "2.1 MB". Undefined where the browser does not tell: it tells pages of secure origins only. */
export async function storageUsed(): Promise<string | undefined> {
  const storage = (navigator as { readonly storage?: StorageManager }).storage;
  const { usage } = (await storage?.estimate().catch(() => undefined)) ?? {};
  if (usage === undefined) return undefined;
  return usage < 1_000_000 ? `${Math.ceil(usage / 1_000)} kB` : `${(usage / 1_000_000).toFixed(1)} MB`;
}

/**
 * Some browsers ask the visitor, who should know what for: so not before there is an answer. Whether it is granted makes no difference here.
 */
export function persistOnceAnswered(current: ReadonlySignal<Conversation>): void {
  const stop = effect(() => {
    if (!current.value.turns.some((turn) => turn.role === "assistant" && turn.phase === "done")) return;
    const storage = (navigator as { readonly storage?: StorageManager }).storage;
    storage?.persist().catch(() => undefined);
    queueMicrotask(() => stop());
  });
}
