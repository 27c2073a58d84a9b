// Shows that a deleted message can be restored in place for a while, and is then gone from the storage.
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { newAnswer } from "../conversation/answer.ts";
import { shownMessages, type Message } from "../conversation/conversation.ts";
import { openAlone } from "../testing/open-alone.ts";
import type { Conversations } from "./conversations.ts";
import { createMemoryStorage, type ConversationStorage } from "./storage.ts";
import { createDeletions, type Deletions } from "./deletions.ts";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const messages: readonly Message[] = [
  { role: "user", id: "u1", text: "one", sentAt: 1 },
  { ...newAnswer("a1", "j1", 2, "u1"), phase: "done", text: "first" },
  { ...newAnswer("a1b", "j2", 3, "u1"), phase: "done", text: "other" },
  { role: "user", id: "u2", text: "two", parent: "a1", sentAt: 4 },
  { ...newAnswer("a2", "j3", 5, "u2"), phase: "done", text: "second" },
];

interface Opened {
  readonly conversations: Conversations;
  readonly deletions: Deletions;
}

async function open(storage: ConversationStorage): Promise<Opened> {
  const conversations = await openAlone(storage);
  return { conversations, deletions: createDeletions(conversations, async () => {}) };
}

async function begun(): Promise<Opened & { id: string; storage: ConversationStorage }> {
  const storage = createMemoryStorage();
  const opened = await open(storage);
  const { id } = opened.conversations.current.value;
  opened.conversations.add(id, messages, { chosen: { u1: "a1" } });
  await opened.conversations.flush();
  return { ...opened, id, storage };
}

const path = ({ conversations }: Pick<Opened, "conversations">): string =>
  shownMessages(conversations.current.value)
    .map(({ id }) => id)
    .join(" ");
const stored = async (storage: ConversationStorage, id: string): Promise<string> =>
  (await storage.loadMessages(id))
    .map((message) => message.id)
    .toSorted()
    .join(" ");

it("hides a message at once, shows those after it, and removes it after the time to undo", async () => {
  const page = await begun();
  page.deletions.deleteMessage("a1");
  expect(path(page)).toBe("u1 u2 a2");
  expect(page.deletions.undoable.value.map(({ title }) => title)).toEqual(["first"]);
  await vi.advanceTimersByTimeAsync(11_000);
  expect(await stored(page.storage, page.id)).toBe("a1 a1b a2 u1 u2");
  await vi.advanceTimersByTimeAsync(2_000);
  expect(await stored(page.storage, page.id)).toBe("a1b a2 u1 u2");
  expect(page.deletions.undoable.value).toEqual([]);
  const again = await open(page.storage);
  again.conversations.show(page.id);
  await again.conversations.load(page.id);
  expect(path(again)).toBe("u1 u2 a2");
});

it("restores a message in its place", async () => {
  const page = await begun();
  page.deletions.deleteMessage("u1");
  page.deletions.deleteMessage("u2");
  expect(path(page)).toBe("a1 a2");
  page.deletions.undo("u1");
  page.deletions.undo("u2");
  await vi.advanceTimersByTimeAsync(60_000);
  expect(path(page)).toBe("u1 a1 u2 a2");
  expect(await stored(page.storage, page.id)).toBe("a1 a1b a2 u1 u2");
});

it("shows another version when the newest is deleted", async () => {
  const page = await begun();
  page.conversations.add(page.id, [], { chosen: { u1: "a1b" } });
  page.deletions.deleteMessage("a1b");
  expect(path(page)).toBe("u1 a1 u2 a2");
});

it("removes at the start what an earlier page deleted", async () => {
  const page = await begun();
  page.deletions.deleteMessage("a2");
  await page.conversations.flush();
  const next = await open(page.storage);
  next.deletions.resume();
  await vi.advanceTimersByTimeAsync(0);
  expect(await stored(page.storage, page.id)).toBe("a1 a1b u1 u2");
});
