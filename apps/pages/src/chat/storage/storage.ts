// Owns the contract of a storage of conversations: heads and messages are separate, are written together or not at all, and are merged with
// stored heads and messages. `createMemoryStorage` is the fallback.
import { sameDraft, type Draft, type DraftChange } from "../composer/drafts.ts";
import type { Conversation, Head, Message } from "../conversation/conversation.ts";
import { mergeMessages, patchHead, type HeadPatch } from "../conversation/merge.ts";
import { isRemoved } from "../conversation/removed-messages.ts";
import type { OwnedPicture, PictureKey } from "../pictures/held-pictures.ts";
import type { Settings } from "../settings/settings.ts";

/** A tab's change of a conversation. */
export interface Change {
  readonly id: string;
  /** The whole head of a new conversation, or the changed fields of a known conversation. A patch does not restore a removed conversation. */
  readonly head: { readonly kind: "new"; readonly head: Head } | { readonly kind: "patch"; readonly patch: HeadPatch };
  readonly turns: readonly Message[];
}

export type FoundMessages = Pick<Conversation, "id" | "turns">;

export interface ConversationStorage {
  /** All heads, in no order. */
  loadHeads(): Promise<readonly Head[]>;
  loadMessages(id: string): Promise<readonly Message[]>;
  /** Writes all changes, but no deleted message that is gone. If the promise rejects, no change is written. */
  save(changes: readonly Change[]): Promise<void>;
  /** Removes conversations that are marked as deleted, with messages and drafts. A conversation whose deletion was undone stays. */
  removeDeleted(ids: readonly string[]): Promise<void>;
  /** Removes those of these messages that are still deleted, with their pictures. */
  removeMessages(id: string, messageIds: readonly string[]): Promise<void>;
  /** All messages; those of one conversation may come in parts. */
  readAllMessages(): AsyncIterable<FoundMessages>;
  /** Settings of new conversations. */
  loadSettings(): Promise<Settings | undefined>;
  saveSettings(settings: Settings): Promise<void>;
  loadDrafts(): Promise<ReadonlyMap<string, Draft>>;
  /** Writes a draft, or removes it unless another tab has written another draft since `before`. */
  changeDraft(change: DraftChange): Promise<void>;
  /**
   * Writes those files that are not stored, one after the other. Pictures are written separately from their messages, so that a full storage still
   * takes the texts. Leaves out the pictures of removed conversations.
   * @throws PicturesNotStored; then earlier files are stored
   */
  savePictures(pictures: readonly OwnedPicture[]): Promise<void>;
  loadPicture(key: PictureKey): Promise<Blob | undefined>;
  removePictures(keys: readonly PictureKey[]): Promise<void>;
  /** Removes pictures of drafts that were written before this time, except those with these ids. */
  removeDraftPictures(before: number, kept: ReadonlySet<string>): Promise<void>;
}

export class PicturesNotStored extends Error {
  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** The head after a change. Undefined for an unknown conversation. */
export function headAfter(stored: Head | undefined, change: Change): Head | undefined {
  if (change.head.kind === "patch") return stored === undefined ? undefined : patchHead(stored, change.head.patch);
  return stored === undefined ? change.head.head : patchHead(stored, change.head.head);
}

/** The change that adds this conversation. */
export function changeOf({ turns, ...head }: Conversation): Change {
  return { id: head.id, head: { kind: "new", head }, turns };
}

/** Lasts as long as the tab. Stores no pictures: the tab holds the newest in memory. */
export function createMemoryStorage(): ConversationStorage {
  const heads = new Map<string, Head>();
  const messagesById = new Map<string, readonly Message[]>();
  const drafts = new Map<string, Draft>();
  let settings: Settings | undefined;
  return {
    loadHeads: async () => [...heads.values()],
    loadMessages: async (id) => messagesById.get(id) ?? [],
    async save(changes) {
      for (const change of changes) {
        const head = headAfter(heads.get(change.id), change);
        if (head === undefined) continue;
        heads.set(change.id, head);
        const there = messagesById.get(change.id) ?? [];
        const messages = change.turns.filter(
          ({ id }) => !isRemoved(head.removed, id) || there.some((message) => message.id === id),
        );
        messagesById.set(change.id, mergeMessages(messages, there));
      }
    },
    async removeDeleted(ids) {
      const deleted = ids.filter((id) => heads.get(id)?.deletedAt !== undefined);
      for (const places of [heads, messagesById, drafts]) for (const id of deleted) places.delete(id);
    },
    async removeMessages(id, messageIds) {
      const removed = heads.get(id)?.removed;
      const isGone = (message: Message): boolean => messageIds.includes(message.id) && isRemoved(removed, message.id);
      const left = (messagesById.get(id) ?? []).filter((message) => !isGone(message));
      messagesById.set(id, left);
    },
    async *readAllMessages() {
      for (const [id, turns] of messagesById) yield { id, turns };
    },
    loadSettings: async () => settings,
    async saveSettings(given) {
      settings = given;
    },
    loadDrafts: async () => new Map(drafts),
    async changeDraft({ key, before, after }) {
      if (after !== undefined) drafts.set(key, after);
      else if (sameDraft(drafts.get(key), before)) drafts.delete(key);
    },
    savePictures: async () => {},
    loadPicture: async () => undefined,
    removePictures: async () => {},
    removeDraftPictures: async () => {},
  };
}
