// Owns what stands in the message box of each conversation and has not been sent: it survives switching and reload. Tabs may write different
// things in the same box: each finds its own again, and a new tab what was written last.
import { keepItem, readItem, tabStorage } from "../wire/browser-storage.ts";
import type { SimpleStorage } from "../wire/browser-storage.ts";
import type { Attachment } from "./attachments/attachment.ts";
import type { ConversationStorage } from "./storage.ts";

/** What has been written and not sent. */
export interface Draft {
  readonly text: string;
  readonly attachments?: readonly Attachment[];
}

export interface Drafts {
  /** An empty one where there is none. */
  get(key: string): Draft;
  /** An empty one is forgotten. */
  set(key: string, draft: Draft): void;
  /** What has not been written down yet; undefined where the draft is to be forgotten. */
  unsaved(): readonly (readonly [key: string, draft: Draft | undefined])[];
  /** Writes what this tab has, also what another tab has forgotten since. */
  flush(): void;
}

/** The draft of a conversation that has no message yet. */
export const newDraftKey = "new";

export const noDraft: Draft = { text: "" };
/** How long after the last letter a draft is written down. */
const saveDelayMs = 300;
const ownPrefix = "waggle.draft.";

/**
 * @param onFailed is told that one could not be written down
 * @param tab what lasts as long as this tab
 */
export async function openDrafts(
  storage: Pick<ConversationStorage, "loadDrafts" | "saveDraft">,
  onFailed: (error: unknown) => void,
  tab: SimpleStorage = tabStorage,
): Promise<Drafts> {
  const drafts = new Map(await storage.loadDrafts());
  const own = new Map(ownDrafts(tab));
  for (const [key, draft] of own) drafts.set(key, draft);
  const unsaved = new Set<string>();
  let timer: ReturnType<typeof setTimeout> | undefined;

  function save(): void {
    clearTimeout(timer);
    for (const key of [...unsaved]) {
      const draft = drafts.get(key);
      // Too long for it, it is only where all tabs look.
      if (draft === undefined || !keepItem(tab, ownPrefix + key, JSON.stringify(draft)))
        tab.removeItem(ownPrefix + key);
      // Where that fails, it is tried again with the next letter.
      storage.saveDraft(key, draft).then(() => drafts.get(key) === draft && unsaved.delete(key), onFailed);
    }
  }

  return {
    get: (key) => drafts.get(key) ?? noDraft,
    set(key, draft) {
      for (const place of [drafts, own]) {
        if (isEmpty(draft)) place.delete(key);
        else place.set(key, draft);
      }
      unsaved.add(key);
      clearTimeout(timer);
      timer = setTimeout(save, saveDelayMs);
    },
    unsaved: () => [...unsaved].map((key) => [key, drafts.get(key)] as const),
    flush() {
      for (const key of own.keys()) unsaved.add(key);
      save();
    },
  };
}

function ownDrafts(tab: SimpleStorage): readonly (readonly [string, Draft])[] {
  const keys = Array.from({ length: tab.length }, (_, i) => tab.key(i) ?? "").filter((key) =>
    key.startsWith(ownPrefix),
  );
  return keys.flatMap((key) => {
    const draft = readItem(tab, key);
    return isDraft(draft) ? [[key.slice(ownPrefix.length), draft] as const] : [];
  });
}

function isDraft(value: unknown): value is Draft {
  return typeof value === "object" && value !== null && "text" in value;
}

function isEmpty({ text, attachments = [] }: Draft): boolean {
  return text === "" && attachments.length === 0;
}
