// Shows how files of an unsent message are read, refused, removed and cancelled. The test controls the reader.
import { expect, it } from "vitest";
import { attachmentLimits, type Attachment, type ReadFile } from "./attachment.ts";
import { sightOf } from "../pictures/sight.ts";
import { createPendingFiles, type PendingFiles } from "./pending-files.ts";

interface Led {
  readonly pending: PendingFiles;
  /** Files of pictures that are held in memory, by id. */
  readonly held: Map<string, Blob>;
  /** Finishes reading the oldest file, and waits for the effects. */
  finish(outcome: ReadFile): Promise<void>;
}

function led(tokens?: number, first: readonly Attachment[] = [], held = new Map<string, Blob>()): Led {
  const waiting: ((outcome: ReadFile) => void)[] = [];
  const pending = createPendingFiles({
    countTokens: () => Promise.resolve(tokens),
    pictures: { hold: (id, picture) => void held.set(id, picture), find: (id) => Promise.resolve(held.get(id)) },
    sightNow: () => sightOf(undefined),
    first,
    read: () => new Promise((resolve) => waiting.push(resolve)),
  });
  return {
    pending,
    held,
    async finish(outcome) {
      await settled();
      waiting.shift()?.(outcome);
      await settled();
    },
  };
}

/** Resolves when all effects of the earlier calls have happened. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

const file = (name: string): File => new File(["text"], name);
const read = (text: string): ReadFile => ({ kind: "text", text });

it("reads one file after the other, counts tokens, and returns the files once", async () => {
  const { pending, finish } = led(7);
  pending.add([file("a"), file("b")]);
  expect(pending.reading.value).toBe(true);
  await finish(read("one"));
  expect(pending.files.value.map(({ attachment }) => attachment?.text)).toEqual(["one", undefined]);
  await finish({ kind: "text", text: "two", pages: 2 });
  expect(pending.reading.value).toBe(false);
  expect(pending.take()).toMatchObject([
    { name: "a", text: "one", tokens: 7 },
    { name: "b", text: "two", pages: 2, tokens: 7 },
  ]);
  expect(pending.take()).toEqual([]);
});

it("forgets a file that is removed while it is read", async () => {
  const { pending, finish } = led();
  pending.add([file("a")]);
  pending.remove(pending.files.value[0]?.id ?? "");
  await finish(read("one"));
  expect(pending.take()).toEqual([]);
  expect(pending.refusals.value).toEqual([]);
});

it("refuses files that cannot be read or exceed a message's limits", async () => {
  const { pending, finish } = led();
  const most = "a".repeat(attachmentLimits.textChars);
  pending.add([file("a"), file("b"), file("c"), file("d")]);
  await finish({ kind: "refused", reason: "it is empty." });
  await finish(read(most));
  await finish(read(most));
  await finish(read("more"));
  expect(pending.refusals.value).toEqual([
    "Cannot attach a: it is empty.",
    "Cannot attach d: the files of one message may have 1,000,000 characters together.",
  ]);
  expect(pending.files.value.map(({ name }) => name)).toEqual(["b", "c"]);
  pending.add(Array.from({ length: attachmentLimits.files - 1 }, (_, i) => file(String(i))));
  expect(pending.refusals.value.at(-1)).toBe("Cannot attach 8: a message may have 10 files.");
  pending.dismissRefusals();
  expect(pending.refusals.value).toEqual([]);
});

it("stops reading when it is closed", async () => {
  const { pending, finish } = led();
  pending.add([file("a")]);
  pending.close();
  await finish(read("one"));
  expect(pending.take()).toEqual([]);
});

const bee = { width: 40, height: 30 };

it("holds the file of a picture, and counts no tokens", async () => {
  const { pending, held, finish } = led(7);
  pending.add([file("bee.png")]);
  await finish({ kind: "picture", picture: bee, file: new Blob(["12345"]) });
  const [attachment] = pending.take();
  expect(attachment).toEqual({ id: attachment?.id, name: "bee.png", bytes: 5, text: "", picture: bee });
  expect(held.get(attachment?.id ?? "")?.size).toBe(5);
});

it("is reading until the pictures of a stored draft are found, and names those that are lost", async () => {
  const picture = (id: string): Attachment => ({ id, name: `${id}.png`, bytes: 5, text: "", picture: bee });
  const { pending } = led(undefined, [picture("kept"), picture("lost")], new Map([["kept", new Blob(["12345"])]]));
  expect(pending.reading.value).toBe(true);
  // Text that is typed meanwhile must not remove the pictures from the draft.
  expect(pending.attachments()).toHaveLength(2);
  await settled();
  expect(pending.reading.value).toBe(false);
  expect(pending.attachments()).toEqual([picture("kept")]);
  expect(pending.refusals.value).toEqual(["Cannot attach lost.png: this browser has not kept it."]);
});
