// Shows that an exported file contains the pictures, and that an import takes out only pictures.
import { expect, it } from "vitest";
import type { Attachment } from "../attachments/attachment.ts";
import { fromJson, toJson, toMarkdown } from "../conversation/conversation-file.ts";
import type { Conversation } from "../conversation/conversation.ts";
import { packPictures, packedBytes, unpackPictures } from "./picture-file.ts";

const png = "\x89PNG\r\n\x1a\nand more";
const bytes = Uint8Array.from(png, (character) => character.charCodeAt(0));
const bee = (id: string): Attachment => ({
  ...{ id, name: `${id}.png`, bytes: bytes.length, text: "" },
  picture: { width: 4, height: 3, scaled: true },
});
const attachments = [bee("kept"), { id: "n", name: "n.txt", bytes: 1, text: "n" }, bee("lost")];
const conversation: Conversation = {
  ...{ id: "chat-1", updatedAt: 1, title: "Bees", settings: { system: "", sampling: {} }, chosen: {} },
  turns: [{ role: "user", id: "q", text: "Look.", sentAt: 1, attachments }],
};

async function exported(file: Blob): Promise<string> {
  const packed = await packPictures(conversation, ({ owner, id }) =>
    Promise.resolve(owner === "chat-1" && id === "kept" ? file : undefined),
  );
  return toJson([packed], 0);
}

it("brings a conversation and its pictures into another browser", async () => {
  const text = await exported(new Blob([bytes]));
  expect(text.length).toBeGreaterThan(packedBytes(conversation) / 2);
  const [unpacked] = fromJson(text, "x.json").map(unpackPictures);
  expect(unpacked?.conversation).toEqual(conversation);
  expect(unpacked?.pictures).toMatchObject([{ owner: "chat-1", id: "kept" }]);
  const file = unpacked?.pictures[0]?.file;
  expect(file?.type).toBe("image/png");
  expect(new Uint8Array((await file?.arrayBuffer()) ?? [])).toEqual(bytes);
});

it("takes no file that is not a picture", async () => {
  const [unpacked] = fromJson(await exported(new Blob(["<svg/>"])), "x.json").map(unpackPictures);
  expect(unpacked?.pictures).toEqual([]);
  const torn = (await exported(new Blob([bytes]))).replace(/"data": "/, '"data": "?');
  expect(fromJson(torn, "x.json").map(unpackPictures)[0]?.pictures).toEqual([]);
});

it("refuses a file whose picture has no size", async () => {
  const text = (await exported(new Blob([bytes]))).replace('"width": 4', '"width": "4"');
  expect(() => fromJson(text, "x.json")).toThrow('turn 1 of conversation 1 has an invalid "attachments"');
});

it("names pictures in Markdown", () => {
  expect(toMarkdown([conversation])).toContain("- attached: kept.png (a picture)\n- attached: n.txt\n");
});
