// Owns the drafts of conversations, which survive switching and reload. If tabs have different drafts for one conversation, each tab keeps
// its draft, and a new tab starts with the newest.
import { storeItem, readItems, tabStorage, type SimpleStorage } from "../../wire/browser-storage.ts";
import { picturesIn, type Attachment } from "../attachments/attachment.ts";
import { draftOwner, type HeldPictures, type PictureKey } from "../pictures/held-pictures.ts";
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

/** A picture of a draft that a tab has lost, for example because it was closed, is removed this long after it was stored. */
const pictureKeptMs = 24 * 3_600_000;

export interface DraftsOptions {
  readonly storage: Pick<
    ConversationStorage,
    "loadDrafts" | "changeDraft" | "savePictures" | "removePictures" | "removeDraftPictures"
  >;
  readonly pictures: Pick<HeldPictures, "withFiles">;
  /** Called when a draft cannot be stored. */
  readonly onFailed: (error: unknown) => void;
  /** Storage that lasts as long as this tab. */
  readonly tab?: SimpleStorage;
}

export async function openDrafts({ storage, pictures, onFailed, tab = tabStorage }: DraftsOptions): Promise<Drafts> {
  /** The drafts of all tabs, as far as this tab knows. */
  const shared = new Map(await storage.loadDrafts());
  const drafts = new Map([...shared, ...ownDrafts(tab)]);
  const unsaved = new Set<string>();
  let timer: ReturnType<typeof setTimeout> | undefined;

  const kept = new Set([...drafts.values()].flatMap(keysOf).map(({ id }) => id));
  storage.removeDraftPictures(Date.now() - pictureKeptMs, kept).catch(() => undefined);

  const changeOf = (key: string): DraftChange => ({ key, before: shared.get(key), after: drafts.get(key) });

  async function save(key: string): Promise<void> {
    const change = changeOf(key);
    // Set before the write ends, so that the next change builds on this change.
    put(shared, key, change.after);
    // Begins before the text is written, so that both writes survive if the tab closes.
    const files = savePictures(change).catch(onFailed);
    try {
      await storage.changeDraft(change);
      if (drafts.get(key) === change.after) unsaved.delete(key);
    } catch (error) {
      // The next change of the draft tries again.
      if (shared.get(key) === change.after) put(shared, key, change.before);
      onFailed(error);
    }
    await files;
  }

  async function savePictures({ before, after }: DraftChange): Promise<void> {
    const [was, is] = [keysOf(before), keysOf(after)];
    await storage.savePictures(pictures.withFiles(without(is, was)));
    // A draft that has moved to another key has kept its pictures.
    const everywhere = [...drafts.values()].flatMap(keysOf);
    await storage.removePictures(without(was, everywhere));
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
      const before = drafts.get(key);
      put(drafts, key, isEmpty(draft) ? undefined : draft);
      unsaved.add(key);
      clearTimeout(timer);
      // A picture is stored at once, because only a text has the time to be stored when the tab closes.
      if (without(keysOf(draft), keysOf(before)).length > 0) flush();
      else timer = setTimeout(flush, saveDelayMs);
    },
    unsaved: () => [...unsaved].map(changeOf),
    flush,
  };
}

function keysOf(draft: Draft | undefined): readonly PictureKey[] {
  return picturesIn(draft?.attachments).map(({ id }) => ({ owner: draftOwner, id }));
}

function without(keys: readonly PictureKey[], others: readonly PictureKey[]): readonly PictureKey[] {
  return keys.filter(({ id }) => others.every((other) => other.id !== id));
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
  return readItems(tab, ownPrefix).flatMap(([key, draft]) =>
    isDraft(draft) ? [[key.slice(ownPrefix.length), draft] as const] : [],
  );
}

function isDraft(value: unknown): value is Draft {
  return typeof value === "object" && value !== null && "text" in value;
}

function isEmpty({ text, attachments = [] }: Draft): boolean {
  return text === "" && attachments.length === 0;
}
