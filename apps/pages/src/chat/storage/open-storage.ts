// Owns opening the browser's storage of conversations. If the browser stores nothing, conversations stay in the tab's memory, with a notice.
import { openDrafts, type Drafts } from "../composer/drafts.ts";
import { openConversations, type Conversations } from "./conversations.ts";
import { openDatabase } from "./database.ts";
import { openChannel, type OtherTabs } from "./other-tabs.ts";
import { troubleOf, type StorageTrouble } from "./save-queue.ts";
import { createMemoryStorage, type ConversationStorage } from "./storage.ts";
import { keepUnsaved, saveUnsaved } from "./unsaved.ts";

export interface OpenStorage {
  readonly conversations: Conversations;
  readonly drafts: Drafts;
  /** Called when the page may close: writes unsaved changes, and also keeps them for the next start in case there is no time to write. */
  leave(): void;
  /** Called when the page did not close after `leave`. */
  stay(): void;
  flush(): void;
}

export async function openStorage(): Promise<OpenStorage> {
  // Listen before anything is read, so that no change of another tab is missed.
  const otherTabs = openChannel();
  const { conversations, drafts } = await openLasting(otherTabs).catch(
    async (error: unknown) => await openInMemory(otherTabs, troubleOf(error)),
  );
  function flush(): void {
    drafts.flush();
    void conversations.flush();
  }
  return {
    conversations,
    drafts,
    leave() {
      keepUnsaved({ changes: conversations.unsaved(), drafts: drafts.unsaved() });
      flush();
    },
    stay: () => keepUnsaved({ changes: [], drafts: [] }),
    flush,
  };
}

type Opened = Pick<OpenStorage, "conversations" | "drafts">;

async function openLasting(otherTabs: OtherTabs): Promise<Opened> {
  const storage = await openDatabase();
  let failure: unknown;
  // If the database is full, the unsaved changes stay in the simple storage, and the next start tries again.
  await saveUnsaved(storage, { removes: true }).catch((error: unknown) => (failure = error));
  const opened = await open(storage, otherTabs);
  if (failure !== undefined) opened.conversations.report(failure);
  return opened;
}

async function openInMemory(otherTabs: OtherTabs, { reason }: StorageTrouble): Promise<Opened> {
  const storage = createMemoryStorage();
  // Shows the unsaved changes, but also leaves them in the simple storage.
  await saveUnsaved(storage, { removes: false });
  return await open(storage, otherTabs, { kind: "closed", reason });
}

async function open(storage: ConversationStorage, otherTabs: OtherTabs, closed?: StorageTrouble): Promise<Opened> {
  const conversations = await openConversations({ storage, otherTabs, closed });
  const { pictures, report } = conversations;
  return { conversations, drafts: await openDrafts({ storage, pictures, onFailed: report }) };
}
