// Shows what stands in message boxes after a reload, and where there is no room to keep it.
import { expect, it } from "vitest";
import type { Attachment } from "./attachments/attachment.ts";
import { createDrafts } from "./drafts.ts";

/** A browser's storage with room for so many characters. */
function storage(room = Infinity): Storage {
  const kept = new Map<string, string>();
  return {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem(key: string, text: string) {
      if (text.length > room) throw new DOMException("", "QuotaExceededError");
      kept.set(key, text);
    },
    removeItem: (key: string) => void kept.delete(key),
    get length() {
      return kept.size;
    },
  } as Storage;
}

const notes: Attachment = { id: "a", name: "notes.txt", bytes: 900, text: "n".repeat(900) };

it("keeps texts and files over a reload, and forgets them when they are gone", () => {
  const place = storage();
  createDrafts(place).set("chat-1", { text: "hello", attachments: [notes] });
  const after = createDrafts(place);
  expect(after.get("chat-1")).toEqual({ text: "hello", attachments: [notes] });
  expect(after.get("chat-2")).toEqual({ text: "" });
  after.set("chat-1", { text: "" });
  expect(createDrafts(place).get("chat-1")).toEqual({ text: "" });
  expect(place.length).toBe(0);
});

it("keeps files for the tab alone where the storage has no room for them", () => {
  const place = storage(500);
  const drafts = createDrafts(place);
  drafts.set("chat-1", { text: "hello", attachments: [notes] });
  expect(drafts.get("chat-1")).toEqual({ text: "hello", attachments: [notes] });
  expect(createDrafts(place).get("chat-1")).toEqual({ text: "hello" });
});
