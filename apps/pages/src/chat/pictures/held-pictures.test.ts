// Shows that a tab holds the newest pictures, and finds the others in the storage.
import { expect, it } from "vitest";
import type { Message } from "../conversation/conversation.ts";
import { createHeldPictures, draftOwner, pictureKeys } from "./held-pictures.ts";
import { pictureLimits } from "./picture.ts";

const sized = (size: number): Blob => ({ size }) as Blob;

it("drops the oldest pictures at its limit, but never the newest", () => {
  const pictures = createHeldPictures(() => Promise.resolve(undefined));
  const key = (id: string): { owner: string; id: string } => ({ owner: "chat-1", id });
  const held = (...ids: string[]): string[] => pictures.withFiles(ids.map(key)).map(({ id }) => id);
  const half = sized(pictureLimits.heldBytes / 2);
  pictures.hold("a", half);
  pictures.hold("b", half);
  pictures.hold("a", half);
  expect(held("a", "b")).toEqual(["a", "b"]);
  pictures.hold("c", half);
  expect(held("a", "b", "c")).toEqual(["a", "c"]);
  pictures.hold("d", sized(2 * pictureLimits.heldBytes));
  expect(held("a", "b", "c", "d")).toEqual(["d"]);
});

it("reads a picture once, from its conversation or from the drafts", async () => {
  const loaded: string[] = [];
  const pictures = createHeldPictures(({ owner, id }) => {
    loaded.push(`${owner} ${id}`);
    return Promise.resolve(
      id === "sent" ? sized(owner === "chat-1" ? 1 : 2) : owner === draftOwner ? sized(3) : undefined,
    );
  });
  expect((await pictures.find({ owner: "chat-1", id: "sent" }))?.size).toBe(1);
  expect((await pictures.find({ owner: "chat-1", id: "sent" }))?.size).toBe(1);
  expect((await pictures.find({ owner: "chat-1", id: "new" }))?.size).toBe(3);
  expect(loaded).toEqual(["chat-1 sent", "chat-1 new", `${draftOwner} new`]);
});

it("lists the pictures of messages", () => {
  const attachments = [
    { id: "notes", name: "notes.txt", bytes: 1, text: "x" },
    { id: "bee", name: "bee.png", bytes: 1, text: "", picture: { width: 1, height: 1 } },
  ];
  const message: Message = { role: "user", id: "t", text: "", sentAt: 0, attachments };
  expect(pictureKeys("chat-1", [message])).toEqual([{ owner: "chat-1", id: "bee" }]);
});
