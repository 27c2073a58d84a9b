// Shows what stands in message boxes after a reload, and that nothing is forgotten that could not be written.
import { expect, it, vi } from "vitest";
import type { Attachment } from "./attachments/attachment.ts";
import { openDrafts } from "./drafts.ts";
import { createMemoryStorage } from "./storage.ts";

const fail = (error: unknown): never => {
  throw error;
};
const notes: Attachment = { id: "a", name: "notes.txt", bytes: 900, text: "n".repeat(900) };

it("keeps texts and files over a reload, and forgets them when they are gone", async () => {
  const storage = createMemoryStorage();
  const drafts = await openDrafts(storage, fail);
  drafts.set("chat-1", { text: "hello", attachments: [notes] });
  drafts.flush();
  await vi.waitFor(() => expect(drafts.unsaved()).toEqual([]));
  const after = await openDrafts(storage, fail);
  expect(after.get("chat-1")).toEqual({ text: "hello", attachments: [notes] });
  expect(after.get("chat-2")).toEqual({ text: "" });
  after.set("chat-1", { text: "" });
  after.flush();
  await vi.waitFor(() => expect(after.unsaved()).toEqual([]));
  expect((await storage.loadDrafts()).size).toBe(0);
});

it("tells what could not be written, and has it ready for the tab's end", async () => {
  const full = new DOMException("", "QuotaExceededError");
  const failed: unknown[] = [];
  const drafts = await openDrafts(
    { ...createMemoryStorage(), saveDraft: async () => await Promise.reject(full) },
    (error) => failed.push(error),
  );
  drafts.set("chat-1", { text: "hello" });
  drafts.flush();
  await vi.waitFor(() => expect(failed).toEqual([full]));
  expect(drafts.get("chat-1")).toEqual({ text: "hello" });
  expect(drafts.unsaved()).toEqual([["chat-1", { text: "hello" }]]);
});
