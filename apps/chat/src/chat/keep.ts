// Owns opening the place where this browser keeps conversations; where it keeps none, the tab's memory takes its place, and that is told.
import { openConversations } from "./conversations.ts";
import type { Conversations } from "./conversations.ts";
import { openDatabase } from "./database.ts";
import { openDrafts } from "./drafts.ts";
import type { Drafts } from "./drafts.ts";
import { carryOver, leaveBehind } from "./left-behind.ts";
import { openChannel } from "./other-tabs.ts";
import type { OtherTabs } from "./other-tabs.ts";
import { troubleOf } from "./saver.ts";
import type { StorageTrouble } from "./saver.ts";
import { createMemoryStorage } from "./storage.ts";
import type { ConversationStorage } from "./storage.ts";

export interface Kept {
  readonly conversations: Conversations;
  readonly drafts: Drafts;
  /** The page may be closed now: what has not been written is written, or left for the next start. */
  leave(): void;
  /** It was not closed. */
  stay(): void;
  /** Nobody looks any more: what has not been written is written. */
  flush(): void;
}

export async function openKept(): Promise<Kept> {
  // Before anything is read, so that nothing is missed that another tab writes meanwhile.
  const otherTabs = openChannel();
  const { conversations, drafts } = await openLasting(otherTabs).catch(
    async (error: unknown) => await openPassing(otherTabs, troubleOf(error)),
  );
  function flush(): void {
    drafts.flush();
    void conversations.flush();
  }
  return {
    conversations,
    drafts,
    leave() {
      leaveBehind({ changes: conversations.unsaved(), drafts: drafts.unsaved() });
      flush();
    },
    stay: () => leaveBehind({ changes: [], drafts: [] }),
    flush,
  };
}

type Opened = Pick<Kept, "conversations" | "drafts">;

async function openLasting(otherTabs: OtherTabs): Promise<Opened> {
  const storage = await openDatabase();
  let left: unknown;
  // Where there is no room for it, it stays where it is, and the next start tries again.
  await carryOver(storage, { removes: true }).catch((error: unknown) => (left = error));
  const opened = await open(storage, otherTabs);
  if (left !== undefined) opened.conversations.report(left);
  return opened;
}

async function openPassing(otherTabs: OtherTabs, { reason }: StorageTrouble): Promise<Opened> {
  const storage = createMemoryStorage();
  // Shown at least; it stays where it is.
  await carryOver(storage, { removes: false });
  return await open(storage, otherTabs, { kind: "closed", reason });
}

async function open(storage: ConversationStorage, otherTabs: OtherTabs, closed?: StorageTrouble): Promise<Opened> {
  const conversations = await openConversations({ storage, otherTabs, closed });
  return { conversations, drafts: await openDrafts(storage, conversations.report) };
}
