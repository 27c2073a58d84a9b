// Shows that files of a hidden draft are read too, and that their text goes into that draft.
import { expect, it } from "vitest";
import { sightOf } from "../pictures/sight.ts";
import { noDraft, type Draft } from "../composer/drafts.ts";
import type { ReadFile } from "./attachment.ts";
import { createDraftFiles, type DraftFiles } from "./draft-files.ts";

interface Led {
  readonly drafts: Map<string, Draft>;
  readonly files: DraftFiles;
  /** Names of the files that are being read. */
  readonly reading: () => readonly string[];
  /** Finishes reading the current file, and waits for the effects. */
  finish(text: string): Promise<void>;
}

function led(first: readonly (readonly [string, Draft])[] = []): Led {
  const drafts = new Map(first);
  const waiting: { readonly name: string; readonly resolve: (outcome: ReadFile) => void }[] = [];
  return {
    drafts,
    files: createDraftFiles({
      drafts: { get: (key) => drafts.get(key) ?? noDraft, set: (key, draft) => void drafts.set(key, draft) },
      countTokens: () => Promise.resolve(undefined),
      pictures: { hold: () => undefined, find: () => Promise.resolve(undefined) },
      sightNow: () => sightOf(undefined),
      read: ({ name }) => new Promise((resolve) => waiting.push({ name, resolve })),
    }),
    reading: () => waiting.map(({ name }) => name),
    async finish(text) {
      await settled();
      waiting.shift()?.resolve({ kind: "text", text });
      await settled();
    },
  };
}

/** Resolves when all effects of the earlier calls have happened. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

const file = (name: string): File => new File(["text"], name);
const notes = { id: "file-1", name: "notes", bytes: 4, text: "text" };

it("returns the same files for a draft each time, and adds their text to the draft", async () => {
  const { drafts, files, finish } = led([["chat-1", { text: "", attachments: [notes] }]]);
  const pending = files.of("chat-1");
  expect(pending.attachments()).toEqual([notes]);
  pending.add([file("a")]);
  drafts.set("chat-1", { text: "typed meanwhile", attachments: [notes] });
  expect(files.of("chat-2").files.value).toEqual([]);
  await finish("one");
  expect(drafts.get("chat-1")).toMatchObject({ text: "typed meanwhile", attachments: [notes, { text: "one" }] });
  expect(files.of("chat-1")).toBe(pending);
});

it("reads one file after the other, across drafts", async () => {
  const { files, reading, finish } = led();
  files.of("chat-1").add([file("a")]);
  files.of("chat-2").add([file("b")]);
  await settled();
  expect(reading()).toEqual(["a"]);
  await finish("one");
  expect(reading()).toEqual(["b"]);
});

it("follows a draft to its new key", async () => {
  const { drafts, files, finish } = led();
  const pending = files.of("new");
  pending.add([file("a")]);
  files.move("new", "chat-1");
  await finish("one");
  expect(files.of("chat-1")).toBe(pending);
  expect(drafts.get("chat-1")?.attachments).toMatchObject([{ text: "one" }]);
  expect(files.of("new").files.value).toEqual([]);
});

it("stops reading for a draft that is removed", async () => {
  const { drafts, files, finish } = led();
  files.of("chat-1").add([file("a")]);
  files.forget("chat-1");
  await finish("one");
  expect(drafts.size).toBe(0);
  expect(files.of("chat-1").files.value).toEqual([]);
});
