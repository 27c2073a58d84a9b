// Shows which drafts are restored after a reload, and that a draft that cannot be stored is not lost.
import { expect, it } from "vitest";
import { createMemory } from "../../wire/browser-storage.ts";
import type { Attachment } from "../attachments/attachment.ts";
import { createMemoryStorage, type ConversationStorage } from "../storage/storage.ts";
import { draftOwner, type PictureKey } from "../pictures/held-pictures.ts";
import { openDrafts, type Drafts } from "./drafts.ts";

const fail = (error: unknown): never => {
  throw error;
};
/** Holds a file for each picture. */
const pictures = {
  withFiles: (keys: readonly PictureKey[]) => keys.map((key) => ({ ...key, file: new Blob([key.id]) })),
};

async function open(storage: ConversationStorage, tab = createMemory()): Promise<Drafts> {
  return await openDrafts({ storage, pictures, onFailed: fail, tab });
}

const notes: Attachment = { id: "a", name: "notes.txt", bytes: 900, text: "n".repeat(900) };

it("keeps texts and files over a reload, and removes them once the box is empty", async () => {
  const storage = createMemoryStorage();
  const drafts = await open(storage);
  drafts.set("chat-1", { text: "hello", attachments: [notes] });
  drafts.flush();
  await expect.poll(() => drafts.unsaved()).toEqual([]);
  const after = await open(storage);
  expect(after.get("chat-1")).toEqual({ text: "hello", attachments: [notes] });
  expect(after.get("chat-2")).toEqual({ text: "" });
  after.set("chat-1", { text: "" });
  after.flush();
  await expect.poll(() => after.unsaved()).toEqual([]);
  expect((await storage.loadDrafts()).size).toBe(0);
});

it("keeps each tab's own draft, and gives a new tab the newest", async () => {
  const storage = createMemoryStorage();
  const [tabA, tabB] = [createMemory(), createMemory()];
  const a = await open(storage, tabA);
  const b = await open(storage, tabB);
  a.set("new", { text: "from a", attachments: [notes] });
  a.flush();
  b.set("new", { text: "from b" });
  b.flush();
  await expect.poll(() => [...a.unsaved(), ...b.unsaved()]).toEqual([]);
  expect((await open(storage, tabA)).get("new")).toEqual({ text: "from a", attachments: [notes] });
  expect((await open(storage)).get("new")).toEqual({ text: "from b" });
});

it("keeps another tab's newer draft when this tab sends its draft", async () => {
  const storage = createMemoryStorage();
  const a = await open(storage);
  a.set("new", { text: "from a" });
  a.flush();
  await expect.poll(() => a.unsaved()).toEqual([]);
  const b = await open(storage);
  b.set("new", { text: "from b" });
  b.flush();
  a.set("new", { text: "" });
  a.flush();
  await expect.poll(() => [...a.unsaved(), ...b.unsaved()]).toEqual([]);
  expect(await storage.loadDrafts()).toEqual(new Map([["new", { text: "from b" }]]));
  // A tab whose draft did not change writes nothing.
  b.set("new", { text: "" });
  b.flush();
  a.flush();
  await expect.poll(() => [...a.unsaved(), ...b.unsaved()]).toEqual([]);
  expect((await storage.loadDrafts()).size).toBe(0);
});

it("removes a draft that is sent before the draft is stored", async () => {
  const storage = createMemoryStorage();
  const drafts = await open(storage);
  drafts.set("new", { text: "hello" });
  drafts.flush();
  drafts.set("new", { text: "" });
  drafts.flush();
  await expect.poll(() => drafts.unsaved()).toEqual([]);
  expect((await storage.loadDrafts()).size).toBe(0);
});

it("stores a draft in the shared storage if the tab's storage is full", async () => {
  const storage = createMemoryStorage();
  const tab = createMemory({ "waggle.draft.chat-1": JSON.stringify({ text: "older" }), "waggle.draft.chat-2": "{" });
  const full = {
    ...tab,
    setItem() {
      throw new DOMException("", "QuotaExceededError");
    },
  };
  const drafts = await open(storage, Object.defineProperty(full, "length", { get: () => tab.length }));
  expect(drafts.get("chat-1")).toEqual({ text: "older" });
  expect(drafts.get("chat-2")).toEqual({ text: "" });
  drafts.set("chat-1", { text: "longer" });
  drafts.flush();
  await expect.poll(() => drafts.unsaved()).toEqual([]);
  expect((await open(storage, tab)).get("chat-1")).toEqual({ text: "longer" });
});

it("reports a draft that cannot be stored, and lists it as unsaved", async () => {
  const full = new DOMException("", "QuotaExceededError");
  const failed: unknown[] = [];
  const drafts = await openDrafts({
    storage: { ...createMemoryStorage(), changeDraft: async () => await Promise.reject(full) },
    pictures,
    onFailed: (error) => failed.push(error),
    tab: createMemory(),
  });
  drafts.set("chat-1", { text: "hello" });
  drafts.flush();
  await expect.poll(() => failed).toEqual([full]);
  expect(drafts.get("chat-1")).toEqual({ text: "hello" });
  expect(drafts.unsaved()).toEqual([{ key: "chat-1", before: undefined, after: { text: "hello" } }]);
});

it("stores a picture with the draft, and removes the picture when it leaves the draft", async () => {
  const [saved, removed]: [string[], string[]] = [[], []];
  const drafts = await open({
    ...createMemoryStorage(),
    async savePictures(given) {
      for (const { owner, id } of given) saved.push(`${owner} ${id}`);
      await Promise.resolve();
    },
    async removePictures(given) {
      for (const { owner, id } of given) removed.push(`${owner} ${id}`);
      await Promise.resolve();
    },
  });
  const [one, two] = ["one", "two"].map((id) => ({ ...notes, id, text: "", picture: { width: 4, height: 3 } }));
  if (one === undefined || two === undefined) throw new Error("There are two pictures");
  drafts.set("new", { text: "", attachments: [notes, one] });
  drafts.flush();
  await expect.poll(() => saved).toEqual([`${draftOwner} one`]);
  drafts.set("new", { text: "more", attachments: [one, two] });
  drafts.flush();
  await expect.poll(() => saved).toEqual([`${draftOwner} one`, `${draftOwner} two`]);
  drafts.set("new", { text: "more", attachments: [two] });
  drafts.flush();
  await expect.poll(() => removed).toEqual([`${draftOwner} one`]);
  drafts.set("new", { text: "" });
  drafts.set("chat-1", { text: "more", attachments: [two] });
  await expect.poll(() => drafts.unsaved()).toEqual([]);
  drafts.set("chat-1", { text: "" });
  drafts.flush();
  await expect.poll(() => removed).toEqual([`${draftOwner} one`, `${draftOwner} two`]);
});
