// Owns that what changes in this tab is written down: soon, one write after the other, and again when one has failed.
import { signal } from "@preact/signals";
import type { ReadonlySignal } from "@preact/signals";
import type { Conversation } from "./conversation.ts";
import type { HeadPatch } from "./merge.ts";
import type { Change, ConversationStorage } from "./storage.ts";

/** While an answer streams, how often what has come is written down. */
const saveIntervalMs = 400;

/** Why conversations are not kept: what is new lasts as long as the tab. */
export interface StorageTrouble {
  /** `closed`: this browser keeps nothing for the page. `full`: there is no room left. */
  readonly kind: "closed" | "full" | "failed";
  readonly reason: string;
}

export interface Noted {
  readonly isNew?: boolean;
  readonly patch?: HeadPatch;
  readonly turnIds?: readonly string[];
}

export interface Saver {
  readonly trouble: ReadonlySignal<StorageTrouble | undefined>;
  /** The storage has failed at something else. */
  report(error: unknown): undefined;
  /** Something of this conversation has changed. */
  note(id: string, noted: Noted): void;
  /** It is gone: nothing of it is written any more. */
  forget(id: string): void;
  /** What has not been written yet. */
  unsaved(): readonly Change[];
  /** Writes before long. */
  soon(): void;
  /** Writes now; resolves when it is written or has failed. */
  flush(): Promise<void>;
}

interface Pending {
  readonly isNew: boolean;
  readonly patch: HeadPatch;
  readonly turnIds: ReadonlySet<string>;
}

export interface SaverOptions {
  readonly storage: Pick<ConversationStorage, "save">;
  /** As it is in this tab now. */
  readonly get: (id: string) => Conversation | undefined;
  readonly onWrite: (changes: readonly Change[]) => void;
}

export function createSaver({ storage, get, onWrite }: SaverOptions): Saver {
  const trouble = signal<StorageTrouble | undefined>(undefined);
  let pending = new Map<string, Pending>();
  let writing: ReadonlyMap<string, Pending> = new Map();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let last = Promise.resolve();

  function changesOf(noted: ReadonlyMap<string, Pending>): readonly Change[] {
    return [...noted].flatMap(([id, { isNew, patch, turnIds }]) => {
      const conversation = get(id);
      if (conversation === undefined) return [];
      const { turns, ...head } = conversation;
      const change: Change = {
        id,
        head: isNew ? { kind: "new", head } : { kind: "patch", patch },
        turns: turns.filter((turn) => turnIds.has(turn.id)),
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
    onWrite(changes);
    try {
      await storage.save(changes);
      trouble.value = undefined;
    } catch (error) {
      trouble.value = troubleOf(error);
      // What has been noted meanwhile comes on top.
      const newer = pending;
      pending = new Map(taken);
      for (const [id, noted] of newer) pending.set(id, joined(pending.get(id), noted));
    }
    writing = new Map();
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
    note(id, { isNew = false, patch = {}, turnIds = [] }) {
      pending.set(id, joined(pending.get(id), { isNew, patch, turnIds: new Set(turnIds) }));
    },
    forget: (id) => void pending.delete(id),
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

function joined(older: Pending | undefined, newer: Pending): Pending {
  if (older === undefined) return newer;
  const chosen = { ...older.patch.chosen, ...newer.patch.chosen };
  return {
    isNew: older.isNew || newer.isNew,
    patch: { ...older.patch, ...newer.patch, ...(Object.keys(chosen).length === 0 ? {} : { chosen }) },
    turnIds: new Set([...older.turnIds, ...newer.turnIds]),
  };
}

export function troubleOf(error: unknown): StorageTrouble {
  const full = error instanceof DOMException && error.name === "QuotaExceededError";
  return { kind: full ? "full" : "failed", reason: error instanceof Error ? error.message : String(error) };
}
