// Stores the changes of this tab shortly after they are made, one write at a time, and retries failed writes.
import { signal, type ReadonlySignal } from "@preact/signals";
import type { Conversation } from "../conversation/conversation.ts";
import type { HeadPatch } from "../conversation/merge.ts";
import { pictureKeys, type HeldPictures, type OwnedPicture, type PictureKey } from "../pictures/held-pictures.ts";
import { PicturesNotStored, type Change, type ConversationStorage } from "./storage.ts";

/** How often a streaming answer is stored. */
const saveIntervalMs = 400;

/** The reason why conversations are not stored, so that new messages last only as long as the tab. */
export interface StorageTrouble {
  /** `closed`: this browser stores nothing for the page. `full`: there is no room left. `pictures`: only texts are stored. */
  readonly kind: "closed" | "full" | "failed" | "pictures";
  readonly reason: string;
}

/** Changes of a conversation since it was last stored. */
export interface Noted {
  readonly isNew?: boolean;
  readonly patch?: HeadPatch;
  readonly messageIds?: readonly string[];
}

export interface SaveQueue {
  readonly trouble: ReadonlySignal<StorageTrouble | undefined>;
  /** Reports a failure of the storage that happened outside this queue. */
  report(error: unknown): undefined;
  /** Adds a change of this conversation to the queue. */
  note(id: string, noted: Noted): void;
  /** Drops the changes of a removed conversation. */
  forget(id: string): void;
  unsaved(): readonly Change[];
  /** Writes within `saveIntervalMs`. */
  soon(): void;
  /** Writes now; resolves when the write has ended or failed. */
  flush(): Promise<void>;
}

export interface SaveQueueOptions {
  readonly storage: Pick<ConversationStorage, "save" | "savePictures">;
  readonly pictures: Pick<HeldPictures, "withFiles">;
  /** The present conversation in this tab. */
  readonly get: (id: string) => Conversation | undefined;
  readonly onWrite: (changes: readonly Change[], pictures: readonly OwnedPicture[]) => void;
}

export function createSaveQueue({ storage, pictures, get, onWrite }: SaveQueueOptions): SaveQueue {
  /** Pictures that could not be stored. The next message tries again. */
  let unstored: readonly PictureKey[] = [];
  let pictureTrouble: StorageTrouble | undefined;
  const trouble = signal<StorageTrouble | undefined>(undefined);
  let pending = new Map<string, Noted>();
  let writing: ReadonlyMap<string, Noted> = new Map();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let last = Promise.resolve();

  function changesOf(noted: ReadonlyMap<string, Noted>): readonly Change[] {
    return [...noted].flatMap(([id, { isNew = false, patch = {}, messageIds = [] }]) => {
      const conversation = get(id);
      if (conversation === undefined) return [];
      const { turns, ...head } = conversation;
      const change: Change = {
        id,
        head: isNew ? { kind: "new", head } : { kind: "patch", patch },
        turns: turns.filter((message) => messageIds.includes(message.id)),
      };
      return [change];
    });
  }

  async function write(): Promise<void> {
    const taken = pending;
    const changes = changesOf(taken);
    pending = new Map();
    if (changes.length === 0) return;
    writing = taken;
    const fresh = changes.flatMap(({ id, turns }) => pictureKeys(id, turns));
    onWrite(changes, pictures.withFiles(fresh));
    try {
      // Both writes begin now, so that both survive if the tab closes. The database performs them in this order.
      await Promise.all([storage.save(changes), savePictures(changes, fresh)]);
      trouble.value = pictureTrouble;
    } catch (error) {
      trouble.value = troubleOf(error);
      // Changes noted during the write are newer.
      const newer = pending;
      pending = new Map(taken);
      for (const [id, noted] of newer) pending.set(id, joined(pending.get(id), noted));
    }
    writing = new Map();
  }

  async function savePictures(changes: readonly Change[], fresh: readonly PictureKey[]): Promise<void> {
    const sendsMessage = changes.some(({ turns }) => turns.some(({ role }) => role === "user"));
    if (!sendsMessage) return;
    const keys = [...unstored, ...fresh];
    try {
      await storage.savePictures(pictures.withFiles(keys));
      unstored = [];
      pictureTrouble = undefined;
    } catch (error) {
      unstored = keys;
      pictureTrouble = troubleOf(error);
    }
  }

  function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    last = last.then(write);
    return last;
  }

  return {
    trouble,
    report(error) {
      trouble.value = troubleOf(error);
      return undefined;
    },
    note(id, noted) {
      pending.set(id, joined(pending.get(id), noted));
    },
    forget(id) {
      pending.delete(id);
      unstored = unstored.filter(({ owner }) => owner !== id);
    },
    unsaved() {
      const both = new Map(writing);
      for (const [id, noted] of pending) both.set(id, joined(both.get(id), noted));
      return changesOf(both);
    },
    soon() {
      timer ??= setTimeout(() => void flush(), saveIntervalMs);
    },
    flush,
  };
}

function joined(older: Noted | undefined, newer: Noted): Noted {
  if (older === undefined) return newer;
  const { patch: first = {}, messageIds = [] } = older;
  const { patch: last = {} } = newer;
  return {
    isNew: older.isNew === true || newer.isNew === true,
    patch: {
      ...first,
      ...last,
      ...(first.chosen === undefined ? {} : { chosen: { ...first.chosen, ...last.chosen } }),
      ...(first.removed === undefined ? {} : { removed: { ...first.removed, ...last.removed } }),
    },
    messageIds: [...new Set([...messageIds, ...(newer.messageIds ?? [])])],
  };
}

export function troubleOf(error: unknown): StorageTrouble {
  if (error instanceof PicturesNotStored) return { kind: "pictures", reason: error.message };
  const full = error instanceof DOMException && error.name === "QuotaExceededError";
  return { kind: full ? "full" : "failed", reason: error instanceof Error ? error.message : String(error) };
}
