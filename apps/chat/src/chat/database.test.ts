// Shows that what is kept is kept whole: two tabs merge, a failed write changes nothing, and what older pages left is carried over.
import "fake-indexeddb/auto";
import { IDBFactory } from "fake-indexeddb";
import { beforeEach, describe, expect, it } from "vitest";
import { createMemory } from "../wire/browser-storage.ts";
import type { SimpleStorage } from "../wire/browser-storage.ts";
import { newAnswer } from "./answer.ts";
import type { Answer } from "./answer.ts";
import type { Head, Turn } from "./conversation.ts";
import { openDatabase } from "./database.ts";
import { carryOver, leaveBehind } from "./left-behind.ts";
import { createMemoryStorage } from "./storage.ts";
import type { Change, ConversationStorage } from "./storage.ts";

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
const said = (id: string): Turn => ({ role: "user", id, text: id, sentAt: 0 });
const at = (lastIndex: number): Answer => ({
  ...newAnswer("answer", "job", 0, "said"),
  phase: "streaming",
  text: "x".repeat(lastIndex + 1),
  lastIndex,
});
const brings = (id: string, turns: readonly Turn[]): Change => ({ id, head: { kind: "new", head: head(id) }, turns });
const changes = (id: string, turns: readonly Turn[], patch = {}): Change => ({
  id,
  head: { kind: "patch", patch },
  turns,
});

const places: Readonly<Record<string, () => Promise<ConversationStorage>>> = {
  IndexedDB: openDatabase,
  "the tab's memory": async () => await Promise.resolve(createMemoryStorage()),
};

describe.each(Object.entries(places))("%s", (_, open) => {
  it("keeps heads and turns, and reads the turns of one conversation alone", async () => {
    const storage = await open();
    await storage.save([brings("a", [said("said"), at(1)]), brings("ab", [said("other")])]);
    expect((await storage.loadHeads()).map(({ id }) => id).toSorted()).toEqual(["a", "ab"]);
    expect((await storage.loadTurns("a")).map(({ id }) => id).toSorted()).toEqual(["answer", "said"]);
    expect(await storage.loadTurns("nobody")).toEqual([]);
  });

  it("merges what two tabs write: by turn, and a head field by field", async () => {
    const storage = await open();
    await storage.save([brings("a", [said("said"), at(8)])]);
    await storage.save([changes("a", [at(5)], { pinned: true })]);
    await storage.save([changes("a", [said("more")], { title: "named", named: true })]);
    const turns = await storage.loadTurns("a");
    expect(turns.map(({ id }) => id).toSorted()).toEqual(["answer", "more", "said"]);
    expect(turns.find(({ id }) => id === "answer")).toMatchObject({ lastIndex: 8 });
    expect(await storage.loadHeads()).toEqual([head("a", { pinned: true, title: "named", named: true })]);
  });

  it("removes what is marked as deleted, brings nothing of it back, and spares what was taken back", async () => {
    const storage = await open();
    await storage.save([brings("a", [said("said")]), brings("b", [said("said")])]);
    await storage.save([changes("a", [], { deletedAt: 1 }), changes("b", [], { deletedAt: 1 })]);
    await storage.save([changes("b", [], { deletedAt: undefined })]);
    await storage.removeDeleted(["a", "b"]);
    await storage.save([changes("a", [at(3)])]);
    expect((await storage.loadHeads()).map(({ id }) => id)).toEqual(["b"]);
    expect(await storage.loadTurns("a")).toEqual([]);
    expect(await storage.loadTurns("b")).toHaveLength(1);
  });

  it("reads all turns, until it is enough", async () => {
    const storage = await open();
    await storage.save(Array.from({ length: 700 }, (__, i) => brings(`c${i}`, [said("said")])));
    let count = 0;
    await storage.readTurns((found) => {
      count += found.length;
      return true;
    });
    expect(count).toBe(700);
  });

  it("keeps drafts and settings", async () => {
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

it("writes nothing where it cannot write all", async () => {
  const storage = await openDatabase();
  const unwritable = { ...said("b"), text: (() => undefined) as unknown as string };
  await expect(storage.save([brings("a", [said("a")]), brings("b", [unwritable])])).rejects.toThrow(
    "could not be cloned",
  );
  expect(await storage.loadHeads()).toEqual([]);
  expect(await storage.loadTurns("a")).toEqual([]);
});

describe("what an older page left", () => {
  const old = {
    id: "chat-old",
    updatedAt: 7,
    settings: { system: "Be kind.", sampling: { top_k: 3 } },
    turns: [
      { role: "user", id: "t1", text: "about bees" },
      { ...newAnswer("t2", "job", 5), phase: "done", text: "They fly." },
      { role: "user", id: "t3", text: "and then?" },
    ],
  };

  const keysOf = ({ length, key }: SimpleStorage): (string | null)[] => Array.from({ length }, (_, i) => key(i));

  it("is carried over and only then removed; what cannot be read stays", async () => {
    const from = createMemory({
      "waggle.conversation.chat-old": JSON.stringify(old),
      "waggle.conversation.broken": "{broken",
      "waggle.conversation.strange": JSON.stringify({ ...old, turns: "none" }),
      "waggle.settings": JSON.stringify(old.settings),
      "waggle.theme": "dark",
    });
    const storage = await openDatabase();
    await carryOver(storage, { removes: true, place: from });
    expect(keysOf(from)).toEqual(["waggle.conversation.broken", "waggle.conversation.strange", "waggle.theme"]);
    expect(await storage.loadHeads()).toMatchObject([{ id: "chat-old", title: "about bees", settings: old.settings }]);
    const turns = await storage.loadTurns("chat-old");
    expect(turns.map(({ id, parent }) => [id, parent])).toEqual([
      ["t1", undefined],
      ["t2", "t1"],
      ["t3", "t2"],
    ]);
    expect(await storage.loadSettings()).toEqual(old.settings);
  });

  it("stays where it is while it cannot be written", async () => {
    const from = createMemory({ "waggle.conversation.chat-old": JSON.stringify(old) });
    const full: ConversationStorage = {
      ...createMemoryStorage(),
      save: async () => await Promise.reject(new DOMException("full", "QuotaExceededError")),
    };
    await expect(carryOver(full, { removes: true, place: from })).rejects.toThrow("full");
    expect(keysOf(from)).toEqual(["waggle.conversation.chat-old"]);
  });

  it("of a tab that could not write any more is brought in, and nothing older over something newer", async () => {
    const storage = await openDatabase();
    await storage.save([brings("a", [said("said"), at(8)])]);
    await storage.save([changes("a", [], { deletedAt: 7, pinned: true })]);
    const from = createMemory({});
    leaveBehind(
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
    await carryOver(storage, { removes: true, place: from });
    const turns = await storage.loadTurns("a");
    expect(turns.map(({ id }) => id)).toContain("late");
    expect(turns.find(({ id }) => id === "answer")).toMatchObject({ lastIndex: 8 });
    expect(await storage.loadHeads()).toEqual([head("a", { pinned: true })]);
    expect([...(await storage.loadDrafts())]).toEqual([["a", { text: "Dear" }]]);
    expect(from.length).toBe(0);
  });
});
