// Shows that conversations are stored whole: tabs merge, a failed write changes nothing, and changes of a closed tab are written later.
import "fake-indexeddb/auto";
import { IDBFactory } from "fake-indexeddb";
import { openDB } from "idb";
import { beforeEach, describe, expect, it } from "vitest";
import { createMemory } from "../../wire/browser-storage.ts";
import { newAnswer, type Answer } from "../conversation/answer.ts";
import type { Head, Message } from "../conversation/conversation.ts";
import { draftOwner, type OwnedPicture } from "../pictures/held-pictures.ts";
import { openDatabase } from "./database.ts";
import { keepUnsaved, saveUnsaved } from "./unsaved.ts";
import { PicturesNotStored, createMemoryStorage, type Change, type ConversationStorage } from "./storage.ts";

beforeEach(() => {
  globalThis.indexedDB = new IDBFactory();
});

const settings = { system: "", sampling: {} };
const head = (id: string, more: Partial<Head> = {}): Head => ({
  id,
  updatedAt: 1,
  title: id,
  settings,
  chosen: {},
  ...more,
});
const said = (id: string): Message => ({ role: "user", id, text: id, sentAt: 0 });
const at = (lastIndex: number): Answer => ({
  ...newAnswer("answer", "job", 0, "said"),
  phase: "streaming",
  text: "x".repeat(lastIndex + 1),
  lastIndex,
});
const brings = (id: string, messages: readonly Message[]): Change => ({
  id,
  head: { kind: "new", head: head(id) },
  turns: messages,
});
const changes = (id: string, messages: readonly Message[], patch = {}): Change => ({
  id,
  head: { kind: "patch", patch },
  turns: messages,
});

const places: Readonly<Record<string, () => Promise<ConversationStorage>>> = {
  IndexedDB: openDatabase,
  "the tab's memory": async () => await Promise.resolve(createMemoryStorage()),
};

describe.each(Object.entries(places))("%s", (_, open) => {
  it("stores heads and messages, and reads the messages of one conversation", async () => {
    const storage = await open();
    await storage.save([brings("a", [said("said"), at(1)]), brings("ab", [said("other")])]);
    expect((await storage.loadHeads()).map(({ id }) => id).toSorted()).toEqual(["a", "ab"]);
    expect((await storage.loadMessages("a")).map(({ id }) => id).toSorted()).toEqual(["answer", "said"]);
    expect(await storage.loadMessages("nobody")).toEqual([]);
  });

  it("merges the writes of two tabs: message by message, and the head field by field", async () => {
    const storage = await open();
    await storage.save([brings("a", [said("said"), at(8)])]);
    await storage.save([changes("a", [at(5)], { pinned: true })]);
    await storage.save([changes("a", [said("more")], { title: "named", named: true })]);
    const messages = await storage.loadMessages("a");
    expect(messages.map(({ id }) => id).toSorted()).toEqual(["answer", "more", "said"]);
    expect(messages.find(({ id }) => id === "answer")).toMatchObject({ lastIndex: 8 });
    expect(await storage.loadHeads()).toEqual([head("a", { pinned: true, title: "named", named: true })]);
  });

  it("removes deleted conversations for good, but not if their deletion was undone", async () => {
    const storage = await open();
    await storage.save([brings("a", [said("said")]), brings("b", [said("said")])]);
    await storage.save([changes("a", [], { deletedAt: 1 }), changes("b", [], { deletedAt: 1 })]);
    await storage.save([changes("b", [], { deletedAt: undefined })]);
    await storage.removeDeleted(["a", "b"]);
    await storage.save([changes("a", [at(3)])]);
    expect((await storage.loadHeads()).map(({ id }) => id)).toEqual(["b"]);
    expect(await storage.loadMessages("a")).toEqual([]);
    expect(await storage.loadMessages("b")).toHaveLength(1);
  });

  it("removes deleted messages for good, but not if their deletion was undone", async () => {
    const storage = await open();
    await storage.save([brings("a", [said("one"), said("two"), said("three")])]);
    await storage.save([changes("a", [], { removed: { one: "", two: "one" } })]);
    await storage.save([changes("a", [], { removed: { two: null } })]);
    await storage.removeMessages("a", ["one", "two"]);
    // Another tab still has the message.
    await storage.save([changes("a", [said("one")])]);
    expect((await storage.loadMessages("a")).map(({ id }) => id).toSorted()).toEqual(["three", "two"]);
    await storage.save([changes("a", [said("one")], { removed: { one: null } })]);
    expect(await storage.loadMessages("a")).toHaveLength(3);
  });

  it("reads all messages", async () => {
    const storage = await open();
    await storage.save(Array.from({ length: 700 }, (__, i) => brings(`c${i}`, [said("said")])));
    let count = 0;
    for await (const { turns } of storage.readAllMessages()) count += turns.length;
    expect(count).toBe(700);
  });

  it("stores drafts and settings", async () => {
    const storage = await open();
    expect(await storage.loadSettings()).toBeUndefined();
    await storage.saveSettings({ ...settings, system: "Be kind." });
    await storage.changeDraft({ key: "new", before: undefined, after: { text: "Dear" } });
    await storage.changeDraft({ key: "a", before: undefined, after: { text: "Hi" } });
    await storage.changeDraft({ key: "a", before: { text: "older" }, after: undefined });
    expect((await storage.loadDrafts()).get("a")).toEqual({ text: "Hi" });
    await storage.changeDraft({ key: "a", before: { text: "Hi" }, after: undefined });
    expect(await storage.loadSettings()).toMatchObject({ system: "Be kind." });
    expect([...(await storage.loadDrafts())]).toEqual([["new", { text: "Dear" }]]);
  });
});

describe("pictures", () => {
  const picture = (owner: string, id: string, text = "png"): OwnedPicture => ({ owner, id, file: new Blob([text]) });
  const textOf = async (storage: ConversationStorage, owner: string, id: string): Promise<string | undefined> =>
    await (await storage.loadPicture({ owner, id }))?.text();

  it("are stored once, and removed with their conversation", async () => {
    const storage = await openDatabase();
    // Both writes begin at once, as at the first message of a conversation.
    await Promise.all([
      storage.save([brings("a", [said("said")]), brings("b", [said("said")])]),
      storage.savePictures([picture("a", "one"), picture("b", "one", "other")]),
    ]);
    await storage.savePictures([picture("a", "one", "later")]);
    expect(await textOf(storage, "a", "one")).toBe("png");
    await storage.save([changes("a", [], { deletedAt: 1 })]);
    await storage.removeDeleted(["a"]);
    await storage.savePictures([picture("a", "late")]);
    expect(await textOf(storage, "a", "one")).toBeUndefined();
    expect(await textOf(storage, "a", "late")).toBeUndefined();
    expect(await textOf(storage, "b", "one")).toBe("other");
  });

  it("are removed with their message, unless an edited message has them too", async () => {
    const storage = await openDatabase();
    const shows = (id: string, ...pictures: string[]): Message => ({
      role: "user",
      id,
      text: id,
      sentAt: 0,
      attachments: pictures.map((name) => ({
        id: name,
        name,
        bytes: 3,
        text: "",
        picture: { width: 1, height: 1 },
      })),
    });
    await storage.save([brings("a", [shows("first", "one", "two"), shows("edited", "two")])]);
    await storage.savePictures([picture("a", "one"), picture("a", "two")]);
    await storage.save([changes("a", [], { removed: { first: "" } })]);
    await storage.removeMessages("a", ["first"]);
    expect([await textOf(storage, "a", "one"), await textOf(storage, "a", "two")]).toEqual([undefined, "png"]);
  });

  it("of drafts are removed one by one, or when they are old and no draft has them", async () => {
    const storage = await openDatabase();
    await storage.savePictures(["sent", "kept", "lost"].map((id) => picture(draftOwner, id)));
    await storage.removePictures([{ owner: draftOwner, id: "sent" }]);
    expect(await textOf(storage, draftOwner, "sent")).toBeUndefined();
    await storage.removeDraftPictures(0, new Set());
    expect(await textOf(storage, draftOwner, "lost")).toBe("png");
    await storage.removeDraftPictures(Infinity, new Set(["kept"]));
    expect(await textOf(storage, draftOwner, "kept")).toBe("png");
    expect(await textOf(storage, draftOwner, "lost")).toBeUndefined();
  });

  it("that cannot be written are reported as pictures", async () => {
    const storage = await openDatabase();
    const unwritable = { ...picture(draftOwner, "x"), file: (() => undefined) as unknown as Blob };
    await expect(storage.savePictures([unwritable])).rejects.toThrow(PicturesNotStored);
  });

  it("get their place in a database of an earlier page, whose conversations stay", async () => {
    const earlier = await openDB("waggle", 1, {
      upgrade(database) {
        database.createObjectStore("heads", { keyPath: "id" });
        database.createObjectStore("turns", { keyPath: ["conversation", "turn.id"] });
        database.createObjectStore("settings");
        database.createObjectStore("drafts");
      },
    });
    await earlier.put("heads", head("a"));
    await earlier.put("turns", { conversation: "a", turn: said("said") });
    earlier.close();
    const storage = await openDatabase();
    expect(await storage.loadHeads()).toEqual([head("a")]);
    expect(await storage.loadMessages("a")).toEqual([said("said")]);
    await storage.savePictures([picture("a", "one")]);
    expect(await textOf(storage, "a", "one")).toBe("png");
  });
});

it("writes no change if it cannot write all changes", async () => {
  const storage = await openDatabase();
  const unwritable = { ...said("b"), text: (() => undefined) as unknown as string };
  await expect(storage.save([brings("a", [said("a")]), brings("b", [unwritable])])).rejects.toThrow(
    "could not be cloned",
  );
  expect(await storage.loadHeads()).toEqual([]);
  expect(await storage.loadMessages("a")).toEqual([]);
});

it("writes the unsaved changes of a closed tab, but never an older change over a newer change", async () => {
  const storage = await openDatabase();
  await storage.save([brings("a", [said("said"), at(8)])]);
  await storage.save([changes("a", [], { deletedAt: 7, pinned: true })]);
  const from = createMemory({});
  keepUnsaved(
    {
      changes: [changes("a", [at(6), said("late")], { deletedAt: undefined })],
      drafts: [
        { key: "a", before: undefined, after: { text: "Dear" } },
        { key: "b", before: { text: "sent meanwhile" }, after: undefined },
      ],
    },
    from,
  );
  await storage.changeDraft({ key: "b", before: undefined, after: { text: "sent meanwhile" } });
  await saveUnsaved(storage, { removes: true, place: from });
  const messages = await storage.loadMessages("a");
  expect(messages.map(({ id }) => id)).toContain("late");
  expect(messages.find(({ id }) => id === "answer")).toMatchObject({ lastIndex: 8 });
  expect(await storage.loadHeads()).toEqual([head("a", { pinned: true })]);
  expect([...(await storage.loadDrafts())]).toEqual([["a", { text: "Dear" }]]);
  expect(from.length).toBe(0);
});

it("keeps unsaved changes in the simple storage while the database is full", async () => {
  const from = createMemory({});
  keepUnsaved({ changes: [changes("a", [said("late")])], drafts: [] }, from);
  const full: ConversationStorage = {
    ...createMemoryStorage(),
    save: async () => await Promise.reject(new DOMException("full", "QuotaExceededError")),
  };
  await expect(saveUnsaved(full, { removes: true, place: from })).rejects.toThrow("full");
  expect(from.length).toBe(1);
});
