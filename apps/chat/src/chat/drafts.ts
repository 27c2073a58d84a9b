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

/** What a tab has made of a draft. */
export interface DraftChange {
  readonly key: string;
  /** What it was as far as this tab knows; undefined where there was none. */
  readonly before: Draft | undefined;
  /** Undefined where it is to be forgotten. */
  readonly after: Draft | undefined;
}

export interface Drafts {
  /** An empty one where there is none. */
  get(key: string): Draft;
  /** An empty one is forgotten. */
  set(key: string, draft: Draft): void;
  /** What has not been written down yet. */
  unsaved(): readonly DraftChange[];
  flush(): void;
}

/** The draft of a conversation that has no message yet. */
export const newDraftKey = "new";

export const noDraft: Draft = { text: "" };
/** How long after the last letter a draft is written down. */
const saveDelayMs = 300;
const ownPrefix = "waggle.draft.";
/** Files may be longer: a browser gives a tab some five million. */
const ownCharsLimit = 200_000;

/**
 * @param onFailed is told that one could not be written down
 * @param tab what lasts as long as this tab
 */
export async function openDrafts(
  storage: Pick<ConversationStorage, "loadDrafts" | "changeDraft">,
  onFailed: (error: unknown) => void,
  tab: SimpleStorage = tabStorage,
): Promise<Drafts> {
  /** For all tabs, as this one knows it. */
  const shared = new Map(await storage.loadDrafts());
  const drafts = new Map([...shared, ...ownDrafts(tab)]);
  const unsaved = new Set<string>();
  let timer: ReturnType<typeof setTimeout> | undefined;

  const changeOf = (key: string): DraftChange => ({ key, before: shared.get(key), after: drafts.get(key) });

  async function save(key: string): Promise<void> {
    const change = changeOf(key);
    // At once: changes arrive in their order.
    put(shared, key, change.after);
    try {
      await storage.changeDraft(change);
      if (drafts.get(key) === change.after) unsaved.delete(key);
    } catch (error) {
      // It is tried again with the next letter.
      if (shared.get(key) === change.after) put(shared, key, change.before);
      onFailed(error);
    }
  }

  function flush(): void {
    clearTimeout(timer);
    for (const key of [...unsaved]) {
      keepOwn(tab, key, drafts.get(key));
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

/** What another tab may have written since is another draft. */
export function sameDraft(a: Draft | undefined, b: Draft | undefined): boolean {
  const idsOf = (draft: Draft | undefined): unknown => draft?.attachments?.map(({ id }) => id) ?? [];
  return a?.text === b?.text && JSON.stringify(idsOf(a)) === JSON.stringify(idsOf(b));
}

/** What is too long for it is only where all tabs look. */
function keepOwn(tab: SimpleStorage, key: string, draft: Draft | undefined): void {
  const text = draft === undefined ? undefined : JSON.stringify(draft);
  if (text === undefined || text.length > ownCharsLimit || !keepItem(tab, ownPrefix + key, text)) {
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
