// Shows that a deletion is final after its time, unless the conversation is restored meanwhile, and that a reloaded page continues it.
import { afterEach, expect, it, vi } from "vitest";
import { openAlone } from "../testing/open-alone.ts";
import type { Conversations } from "./conversations.ts";
import { createDeletions, type Deletions } from "./deletions.ts";
import { createMemoryStorage, type ConversationStorage } from "./storage.ts";

afterEach(() => vi.useRealTimers());

interface Opened {
  readonly conversations: Conversations;
  readonly deletions: Deletions;
  readonly gone: string[];
}

async function open(storage: ConversationStorage): Promise<Opened> {
  const conversations = await openAlone(storage);
  const gone: string[] = [];
  const onGone = async (id: string): Promise<void> => {
    gone.push(id);
    await Promise.resolve();
  };
  return { conversations, deletions: createDeletions(conversations, onGone), gone };
}

async function deleted(): Promise<Opened & { id: string; storage: ConversationStorage }> {
  vi.useFakeTimers({ now: 0 });
  const storage = createMemoryStorage();
  const opened = await open(storage);
  const { id } = opened.conversations.current.value;
  opened.conversations.add(id, [{ role: "user", id: "q", text: "hello", sentAt: 0 }], {});
  opened.deletions.deleteConversation(id);
  await opened.conversations.flush();
  return { ...opened, id, storage };
}

/** Ends the page with its timers, and lets time pass. */
function closePage(ms: number): void {
  vi.useFakeTimers({ now: Number(vi.getMockedSystemTime()) + ms });
}

const undoable = ({ deletions }: Opened): string[] => deletions.undoable.value.map(({ id }) => id);

it("removes a deleted conversation after the time to undo", async () => {
  const { conversations, id, gone } = await deleted();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(gone).toEqual([id]);
  expect(conversations.everyHead()).toEqual([]);
});

it("keeps a conversation that an import has restored", async () => {
  const { conversations, id, gone } = await deleted();
  await conversations.bring([{ id, head: { kind: "patch", patch: { deletedAt: undefined } }, turns: [] }]);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(gone).toEqual([]);
  expect(conversations.heads.value.map((head) => head.id)).toEqual([id]);
});

it("a deletion can be undone after a reload, for the rest of its time", async () => {
  const { id, storage } = await deleted();
  closePage(8_000);
  const again = await open(storage);
  again.deletions.resume();
  expect(undoable(again)).toEqual([id]);
  again.deletions.undo(id);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(again.gone).toEqual([]);
  expect(again.conversations.heads.value.map((head) => head.id)).toEqual([id]);
  again.deletions.deleteConversation(id);
  await again.conversations.flush();
  closePage(8_000);
  const later = await open(storage);
  later.deletions.resume();
  await vi.advanceTimersByTimeAsync(4_000);
  expect(later.gone).toEqual([id]);
  expect(undoable(later)).toEqual([]);
  expect(await storage.loadHeads()).toEqual([]);
});

it("at the start, removes a conversation that was deleted long ago, without an undo", async () => {
  const { id, storage } = await deleted();
  closePage(60_000);
  const again = await open(storage);
  again.deletions.resume();
  expect(undoable(again)).toEqual([]);
  await vi.advanceTimersByTimeAsync(0);
  expect(again.gone).toEqual([id]);
  expect(await storage.loadHeads()).toEqual([]);
});

it("restarts the time to undo for a conversation that was restored and deleted again", async () => {
  const { conversations, deletions, id, gone } = await deleted();
  await vi.advanceTimersByTimeAsync(8_000);
  await conversations.bring([{ id, head: { kind: "patch", patch: { deletedAt: undefined } }, turns: [] }]);
  deletions.deleteConversation(id);
  await vi.advanceTimersByTimeAsync(8_000);
  expect(gone).toEqual([]);
  await vi.advanceTimersByTimeAsync(4_000);
  expect(gone).toEqual([id]);
});
