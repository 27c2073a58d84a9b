// Owns the drafts of conversations, which survive switching and reload. If tabs have different drafts for one conversation, each tab keeps
// its draft, and a new tab starts with the newest.
import { storeItem, readItem, tabStorage } from "../../wire/browser-storage.ts";
import type { SimpleStorage } from "../../wire/browser-storage.ts";
import type { Attachment } from "../attachments/attachment.ts";
import type { ConversationStorage } from "../storage/storage.ts";

/** An unsent message. */
export interface Draft {
  readonly text: string;
  readonly attachments?: readonly Attachment[];
}

/** A tab's change of a draft. */
export interface DraftChange {
  readonly key: string;
  /** The draft before, as far as this tab knows; undefined if there was no draft. */
  readonly before: Draft | undefined;
  /** Undefined to remove the draft. */
  readonly after: Draft | undefined;
}

export interface Drafts {
  /** Empty for an unknown key. */
  get(key: string): Draft;
  /** Removes the draft if the new one is empty. */
  set(key: string, draft: Draft): void;
  unsaved(): readonly DraftChange[];
  flush(): void;
}

/** The draft of a conversation that has no message yet. */
export const newDraftKey = "new";

export const noDraft: Draft = { text: "" };
/** Time from the last letter until a draft is stored. */
const saveDelayMs = 300;
const ownPrefix = "waggle.draft.";
/** Longer drafts are only in the shared storage, because a browser limits the tab's storage to about five million characters. */
const ownCharsLimit = 200_000;

/**
 * @param onFailed called when a draft cannot be stored
 * @param tab storage that lasts as long as this tab
 */
export async function openDrafts(
  storage: Pick<ConversationStorage, "loadDrafts" | "changeDraft">,
  onFailed: (error: unknown) => void,
  tab: SimpleStorage = tabStorage,
): Promise<Drafts> {
  /** The drafts of all tabs, as far as this tab knows. */
  const shared = new Map(await storage.loadDrafts());
  const drafts = new Map([...shared, ...ownDrafts(tab)]);
  const unsaved = new Set<string>();
  let timer: ReturnType<typeof setTimeout> | undefined;

  const changeOf = (key: string): DraftChange => ({ key, before: shared.get(key), after: drafts.get(key) });

  async function save(key: string): Promise<void> {
    const change = changeOf(key);
    // Set before the write ends, so that the next change builds on this change.
    put(shared, key, change.after);
    try {
      await storage.changeDraft(change);
      if (drafts.get(key) === change.after) unsaved.delete(key);
    } catch (error) {
      // The next change of the draft tries again.
      if (shared.get(key) === change.after) put(shared, key, change.before);
      onFailed(error);
    }
  }

  function flush(): void {
    clearTimeout(timer);
    for (const key of [...unsaved]) {
      storeOwn(tab, key, drafts.get(key));
      void save(key);
    }
  }

  return {
    get: (key) => drafts.get(key) ?? noDraft,
    set(key, draft) {
      put(drafts, key, isEmpty(draft) ? undefined : draft);
      unsaved.add(key);
      clearTimeout(timer);
      timer = setTimeout(flush, saveDelayMs);
    },
    unsaved: () => [...unsaved].map(changeOf),
    flush,
  };
}

function put(place: Map<string, Draft>, key: string, draft: Draft | undefined): void {
  if (draft === undefined) place.delete(key);
  else place.set(key, draft);
}

/** Whether two drafts have the same text and files. */
export function sameDraft(a: Draft | undefined, b: Draft | undefined): boolean {
  const idsOf = (draft: Draft | undefined): unknown => draft?.attachments?.map(({ id }) => id) ?? [];
  return a?.text === b?.text && JSON.stringify(idsOf(a)) === JSON.stringify(idsOf(b));
}

function storeOwn(tab: SimpleStorage, key: string, draft: Draft | undefined): void {
  const text = draft === undefined ? undefined : JSON.stringify(draft);
  if (text === undefined || text.length > ownCharsLimit || !storeItem(tab, ownPrefix + key, text)) {
    tab.removeItem(ownPrefix + key);
  }
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
