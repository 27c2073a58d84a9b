// Shows that a deletion is final after its time, unless something has brought the conversation back meanwhile.
import { afterEach, expect, it, vi } from "vitest";
import { openConversations } from "./conversations.ts";
import type { Conversations } from "./conversations.ts";
import { createDeletions } from "./deletions.ts";
import { createMemoryStorage } from "./storage.ts";

afterEach(() => vi.useRealTimers());

async function deleted(): Promise<{ conversations: Conversations; id: string; gone: string[] }> {
  vi.useFakeTimers();
  const conversations = await openConversations({
    storage: createMemoryStorage(),
    otherTabs: { tell: () => undefined, listen: () => undefined },
  });
  const { id } = conversations.current.value;
  conversations.add(id, [{ role: "user", id: "q", text: "hello", sentAt: 0 }], {});
  const gone: string[] = [];
  createDeletions(conversations, (other) => gone.push(other)).delete(id);
  return { conversations, id, gone };
}

it("removes what nobody wants back", async () => {
  const { conversations, id, gone } = await deleted();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(gone).toEqual([id]);
  expect(conversations.everyHead()).toEqual([]);
});

it("leaves a conversation alone that a file has brought back", async () => {
  const { conversations, id, gone } = await deleted();
  await conversations.bring([{ id, head: { kind: "patch", patch: { deletedAt: undefined } }, turns: [] }]);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(gone).toEqual([]);
  expect(conversations.heads.value.map((head) => head.id)).toEqual([id]);
});
