// Owns what keeping conversations means: heads and turns apart, written together or not at all, merged with what is there. Where they lie is
// behind this interface; `createMemoryStorage` is the place of last resort.
import type { Conversation, Head, Turn } from "./conversation.ts";
import { sameDraft } from "./drafts.ts";
import type { Draft, DraftChange } from "./drafts.ts";
import { mergeTurns, patchHead } from "./merge.ts";
import type { HeadPatch } from "./merge.ts";
import type { Settings } from "./settings/settings.ts";

/** What a tab has changed in a conversation. */
export interface Change {
  readonly id: string;
  /** All of the head of a conversation that is new; of another one what has changed. One that is not there any more is not brought back. */
  readonly head: { readonly kind: "new"; readonly head: Head } | { readonly kind: "patch"; readonly patch: HeadPatch };
  readonly turns: readonly Turn[];
}

export interface FoundTurns {
  readonly id: string;
  readonly turns: readonly Turn[];
}

export interface ConversationStorage {
  /** In no order. */
  loadHeads(): Promise<readonly Head[]>;
  loadTurns(id: string): Promise<readonly Turn[]>;
  /** All of it or, when it rejects, nothing. */
  save(changes: readonly Change[]): Promise<void>;
  /** Removes those that are marked as deleted, with all that is theirs; one whose deletion was undone stays. */
  removeDeleted(ids: readonly string[]): Promise<void>;
  /** All turns of all conversations, some at a time, until `onSome` says false. */
  readTurns(onSome: (found: readonly FoundTurns[]) => boolean): Promise<void>;
  /** What a new conversation starts with. */
  loadSettings(): Promise<Settings | undefined>;
  saveSettings(settings: Settings): Promise<void>;
  loadDrafts(): Promise<ReadonlyMap<string, Draft>>;
  /** Forgets nothing that another tab has written since `before`. */
  changeDraft(change: DraftChange): Promise<void>;
}

/** What stands in the place of a head after a change. Undefined when the conversation is not there. */
export function headAfter(stored: Head | undefined, change: Change): Head | undefined {
  if (change.head.kind === "patch") return stored === undefined ? undefined : patchHead(stored, change.head.patch);
  return stored === undefined ? change.head.head : patchHead(stored, change.head.head);
}

/** A conversation as a change that brings it. */
export function changeOf({ turns, ...head }: Conversation): Change {
  return { id: head.id, head: { kind: "new", head }, turns };
}

/** As long as the tab. */
export function createMemoryStorage(): ConversationStorage {
  const heads = new Map<string, Head>();
  const turnsOf = new Map<string, readonly Turn[]>();
  const drafts = new Map<string, Draft>();
  let settings: Settings | undefined;
  return {
    loadHeads: async () => await Promise.resolve([...heads.values()]),
    loadTurns: async (id) => await Promise.resolve(turnsOf.get(id) ?? []),
    async save(changes) {
      for (const change of changes) {
        const head = headAfter(heads.get(change.id), change);
        if (head === undefined) continue;
        heads.set(change.id, head);
        turnsOf.set(change.id, mergeTurns(change.turns, turnsOf.get(change.id) ?? []));
      }
      await Promise.resolve();
    },
    async removeDeleted(ids) {
      const deleted = ids.filter((id) => heads.get(id)?.deletedAt !== undefined);
      for (const places of [heads, turnsOf, drafts]) for (const id of deleted) places.delete(id);
      await Promise.resolve();
    },
    async readTurns(onSome) {
      onSome([...turnsOf].map(([id, turns]) => ({ id, turns })));
      await Promise.resolve();
    },
    loadSettings: async () => await Promise.resolve(settings),
    async saveSettings(given) {
      settings = given;
      await Promise.resolve();
    },
    loadDrafts: async () => await Promise.resolve(new Map(drafts)),
    async changeDraft({ key, before, after }) {
      if (after !== undefined) drafts.set(key, after);
      else if (sameDraft(drafts.get(key), before)) drafts.delete(key);
      await Promise.resolve();
    },
  };
}
