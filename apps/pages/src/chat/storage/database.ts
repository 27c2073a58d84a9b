// Owns conversations in IndexedDB: a record for each head, each message and each picture, so that a streaming answer rewrites only one record. Each
// write is a transaction that merges with the writes of other tabs. Only this merging is our code; the database itself is used through idb.
import { openDB, type DBSchema, type IDBPDatabase, type IDBPTransaction } from "idb";
import { sameDraft, type Draft } from "../composer/drafts.ts";
import type { Head, Message } from "../conversation/conversation.ts";
import { furtherMessage } from "../conversation/merge.ts";
import { isRemoved } from "../conversation/removed-messages.ts";
import type { Settings } from "../settings/settings.ts";
import { draftOwner, pictureKeys, type OwnedPicture } from "../pictures/held-pictures.ts";
import { PicturesNotStored, headAfter, type Change, type ConversationStorage, type FoundMessages } from "./storage.ts";

interface StoredMessage {
  readonly conversation: string;
  readonly turn: Message;
}

interface PictureRecord extends OwnedPicture {
  /** Milliseconds since 1970. */
  readonly addedAt: number;
}

interface Schema extends DBSchema {
  heads: { key: string; value: Head };
  turns: { key: [string, string]; value: StoredMessage };
  settings: { key: string; value: Settings };
  drafts: { key: string; value: Draft };
  pictures: { key: [string, string]; value: PictureRecord };
}

type Database = IDBPDatabase<Schema>;
type Stores = ("heads" | "turns" | "settings" | "drafts" | "pictures")[];

const name = "waggle";
/** 1: without pictures. */
const version = 2;
const newConversations = "new conversations";
/** Time limit for opening the database: a browser that stores nothing may never answer. */
const openTimeoutMs = 5_000;
/** Number of messages in one read when all messages are read. */
const readBatch = 500;

/** @throws the browser's error, or a timeout error */
export async function openDatabase(): Promise<ConversationStorage> {
  let open: Promise<Database> | undefined = openInTime(() => (open = undefined));
  await open;
  /** Opens the database, and opens it again if the browser has closed it, for example because the visitor cleared the data or the disk failed. */
  const database = async (): Promise<Database> => await (open ??= openInTime(() => (open = undefined)));

  async function write(stores: Stores, how: (transaction: Writing) => Promise<unknown>): Promise<void> {
    const transaction = (await database()).transaction(stores, "readwrite");
    const done = transaction.done;
    try {
      await how(transaction);
      // Commit without waiting, so that the write survives if the tab closes now.
      transaction.commit();
    } catch (error) {
      abortQuietly(transaction);
      await done.catch(() => undefined);
      throw transaction.error ?? error;
    }
    await done;
  }

  return {
    loadHeads: async () => await (await database()).getAll("heads"),
    loadMessages: async (id) => (await (await database()).getAll("turns", keysWith(id))).map(({ turn }) => turn),
    save: async (changes) =>
      await write(["heads", "turns"], async (transaction) => await saveAll(transaction, changes)),
    removeDeleted: async (ids) =>
      await write(["heads", "turns", "drafts", "pictures"], async (transaction) => {
        await Promise.all(
          ids.map(async (id) => {
            const head = await transaction.objectStore("heads").get(id);
            if (head?.deletedAt === undefined) return;
            await Promise.all([
              transaction.objectStore("heads").delete(id),
              transaction.objectStore("turns").delete(keysWith(id)),
              transaction.objectStore("pictures").delete(keysWith(id)),
              transaction.objectStore("drafts").delete(id),
            ]);
          }),
        );
      }),
    removeMessages: async (id, messageIds) =>
      await write(["heads", "turns", "pictures"], async (transaction) => {
        const [heads, messages] = [transaction.objectStore("heads"), transaction.objectStore("turns")];
        const [head, stored] = await Promise.all([heads.get(id), messages.getAll(keysWith(id))]);
        const gone = messageIds.filter((messageId) => isRemoved(head?.removed, messageId));
        const [left, leaving] = [false, true].map((wanted) =>
          stored.map(({ turn }) => turn).filter((message) => gone.includes(message.id) === wanted),
        );
        // An edited message has the pictures of the message before the edit.
        const shared = new Set(pictureKeys(id, left ?? []).map((key) => key.id));
        const pictures = pictureKeys(id, leaving ?? []).filter((key) => !shared.has(key.id));
        await Promise.all([
          ...gone.map((messageId) => messages.delete([id, messageId])),
          ...pictures.map((key) => transaction.objectStore("pictures").delete([key.owner, key.id])),
        ]);
      }),
    async *readAllMessages() {
      for (let after: [string, string] | undefined; ;) {
        const range = after === undefined ? undefined : IDBKeyRange.lowerBound(after, true);
        const records = await (await database()).getAll("turns", range, readBatch);
        yield* byConversation(records);
        const last = records.at(-1);
        if (last === undefined || records.length < readBatch) return;
        after = [last.conversation, last.turn.id];
      }
    },
    loadSettings: async () => await (await database()).get("settings", newConversations),
    saveSettings: async (settings) =>
      await write(["settings"], async (transaction) => {
        await transaction.objectStore("settings").put(settings, newConversations);
      }),
    async loadDrafts() {
      const transaction = (await database()).transaction("drafts");
      const [keys, drafts] = await Promise.all([transaction.store.getAllKeys(), transaction.store.getAll()]);
      return new Map(keys.flatMap((key, i) => (drafts[i] === undefined ? [] : [[key, drafts[i]] as const])));
    },
    changeDraft: async ({ key, before, after }) =>
      await write(["drafts"], async (transaction) => {
        const drafts = transaction.objectStore("drafts");
        if (after !== undefined) await drafts.put(after, key);
        else if (sameDraft(await drafts.get(key), before)) await drafts.delete(key);
      }),
    async savePictures(pictures) {
      for (const picture of pictures) {
        await write(["heads", "pictures"], async (transaction) => await savePicture(transaction, picture)).catch(
          (error: unknown) => {
            throw new PicturesNotStored(error);
          },
        );
      }
    },
    loadPicture: async ({ owner, id }) => (await (await database()).get("pictures", [owner, id]))?.file,
    removePictures: async (keys) => {
      if (keys.length === 0) return;
      await write(["pictures"], async (transaction) => {
        const pictures = transaction.objectStore("pictures");
        await Promise.all(keys.map(({ owner, id }) => pictures.delete([owner, id])));
      });
    },
    removeDraftPictures: async (before, kept) =>
      await write(["pictures"], async (transaction) => {
        const pictures = transaction.objectStore("pictures");
        const old = (await pictures.getAll(keysWith(draftOwner))).filter(
          ({ id, addedAt }) => addedAt < before && !kept.has(id),
        );
        await Promise.all(old.map(({ id }) => pictures.delete([draftOwner, id])));
      }),
  };
}

type Writing = IDBPTransaction<Schema, Stores, "readwrite">;

async function saveAll(transaction: Writing, changes: readonly Change[]): Promise<void> {
  const [heads, messages] = [transaction.objectStore("heads"), transaction.objectStore("turns")];
  await Promise.all(
    changes.map(async (change) => {
      const stored = await heads.get(change.id);
      const head = headAfter(stored, change);
      if (head === undefined) return;
      if (JSON.stringify(head) !== JSON.stringify(stored)) await heads.put(head);
      await Promise.all(
        change.turns.map(async (message) => {
          const there = (await messages.get([change.id, message.id]))?.turn;
          if (there === undefined && isRemoved(head.removed, message.id)) return;
          if (there === undefined || furtherMessage(message, there) === message) {
            await messages.put({ conversation: change.id, turn: message });
          }
        }),
      );
    }),
  );
}

async function savePicture(transaction: Writing, { owner, id, file }: OwnedPicture): Promise<void> {
  const pictures = transaction.objectStore("pictures");
  if ((await pictures.getKey([owner, id])) !== undefined) return;
  if (owner !== draftOwner && (await transaction.objectStore("heads").getKey(owner)) === undefined) return;
  await pictures.put({ owner, id, file, addedAt: Date.now() });
}

async function openInTime(onClosed: () => void): Promise<Database> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("The browser did not open its database in time")), openTimeoutMs);
  });
  const opening = openDB<Schema>(name, version, {
    upgrade(database, from) {
      if (from < 1) {
        database.createObjectStore("heads", { keyPath: "id" });
        database.createObjectStore("turns", { keyPath: ["conversation", "turn.id"] });
        database.createObjectStore("settings");
        database.createObjectStore("drafts");
      }
      database.createObjectStore("pictures", { keyPath: ["owner", "id"] });
    },
    // A newer page in another tab waits until this tab closes the database.
    blocking(_current, _blocked, event) {
      (event.target as IDBDatabase).close();
      onClosed();
    },
    terminated: onClosed,
  });
  // After the timeout, a failure to open must not be an unhandled rejection.
  opening.catch(() => undefined);
  return await Promise.race([opening, late]).finally(() => clearTimeout(timer));
}

function abortQuietly(transaction: Writing): void {
  try {
    transaction.abort();
  } catch {
    // The transaction has already ended.
  }
}

/** The keys of a conversation's messages or pictures: `[]` is the upper bound, because IndexedDB sorts arrays after all strings. */
function keysWith(id: string): IDBKeyRange {
  return IDBKeyRange.bound([id], [id, []]);
}

/** Groups records by conversation. Records are sorted by key, so the records of one conversation are adjacent. */
function byConversation(records: readonly StoredMessage[]): readonly FoundMessages[] {
  const found: { id: string; turns: Message[] }[] = [];
  for (const { conversation, turn } of records) {
    const last = found.at(-1);
    if (last?.id === conversation) last.turns.push(turn);
    else found.push({ id: conversation, turns: [turn] });
  }
  return found;
}
