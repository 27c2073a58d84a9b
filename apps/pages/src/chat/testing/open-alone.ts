// Owns the conversations of a page without other tabs.
import { openConversations, type Conversations } from "../storage/conversations.ts";
import type { SimpleStorage } from "../../wire/browser-storage.ts";
import { createMemoryStorage, type ConversationStorage } from "../storage/storage.ts";

export async function openAlone(
  storage: ConversationStorage = createMemoryStorage(),
  tab?: SimpleStorage,
): Promise<Conversations> {
  const otherTabs = { send: () => undefined, listen: () => undefined };
  return await openConversations({ storage, otherTabs, ...(tab && { tab }) });
}
