// Shows what of the conversations is kept when there is no room for all.
import { expect, it } from "vitest";
import type { Conversation } from "./conversation.ts";
import { createStorage } from "./storage.ts";

/** A browser's storage that holds so many entries. */
function place(entries: number): Storage {
  const kept = new Map<string, string>();
  return {
    get length() {
      return kept.size;
    },
    key: (i) => [...kept.keys()][i] ?? null,
    getItem: (key) => kept.get(key) ?? null,
    setItem(key, value) {
      if (!kept.has(key) && kept.size >= entries) throw new DOMException("full", "QuotaExceededError");
      kept.set(key, value);
    },
    removeItem: (key) => void kept.delete(key),
    clear: () => kept.clear(),
  };
}

const conversation = (id: string, updatedAt: number): Conversation => ({
  id,
  updatedAt,
  settings: { system: "", sampling: {} },
  turns: [],
});
const idsOf = (conversations: readonly Conversation[]): string[] => conversations.map(({ id }) => id);

it("loads what it saved, newest first, and passes over what it cannot read", () => {
  const full = place(1_000);
  const storage = createStorage(full);
  for (const [id, at] of [
    ["a", 1],
    ["b", 3],
    ["c", 2],
  ] as const) {
    storage.save(conversation(id, at));
  }
  full.setItem("waggle.conversation.d", "{broken");
  expect(idsOf(storage.load())).toEqual(["b", "c", "a"]);
  storage.remove("c");
  expect(idsOf(storage.load())).toEqual(["b", "a"]);
});

it("gives up the oldest when the browser has no room, never the one it saves", () => {
  const storage = createStorage(place(2));
  storage.save(conversation("a", 1));
  storage.save(conversation("b", 2));
  storage.save(conversation("c", 0));
  expect(idsOf(storage.load())).toEqual(["b", "c"]);
});

it("keeps a hundred", () => {
  const storage = createStorage(place(1_000));
  for (let i = 0; i < 105; i++) storage.save(conversation(`c${i}`, i));
  expect(storage.load()).toHaveLength(100);
  expect(storage.load().at(-1)?.id).toBe("c5");
});

it("survives a browser that keeps nothing", () => {
  const storage = createStorage(place(0));
  expect(() => storage.save(conversation("a", 1))).not.toThrow();
  expect(storage.load()).toEqual([]);
});

it("starts new conversations with the settings that were saved last", () => {
  const storage = createStorage(place(10));
  expect(storage.loadSettings()).toEqual({ system: "", sampling: {} });
  storage.saveSettings({ system: "Be kind.", sampling: { top_k: 1 } });
  expect(storage.loadSettings().sampling).toEqual({ top_k: 1 });
});
