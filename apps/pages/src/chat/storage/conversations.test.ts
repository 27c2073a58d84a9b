// Shows which conversation is shown after a deletion, and that settings of a new conversation stay until its first message.
import { expect, it } from "vitest";
import { createMemory } from "../../wire/browser-storage.ts";
import { newAnswer } from "../conversation/answer.ts";
import { shownMessages, type Message } from "../conversation/conversation.ts";
import { openAlone } from "../testing/open-alone.ts";
import { openConversations, type Conversations } from "./conversations.ts";
import type { TabMessage } from "./other-tabs.ts";
import { PicturesNotStored, createMemoryStorage, type ConversationStorage } from "./storage.ts";

const said = (id: string): Message => ({ role: "user", id, text: id, sentAt: 0 });

async function open(storage: Partial<ConversationStorage> = {}, tab = createMemory()): Promise<Conversations> {
  return await openAlone({ ...createMemoryStorage(), ...storage }, tab);
}

it("shows a conversation that begins after the shown conversation was deleted", async () => {
  const conversations = await open();
  const first = conversations.current.value.id;
  conversations.add(first, [said("one")], {});
  conversations.add(first, [], { deletedAt: 1 });
  const second = conversations.current.value.id;
  expect(second).not.toBe(first);
  conversations.add(second, [said("two")], {});
  expect(conversations.current.value).toMatchObject({ id: second, turns: [{ id: "two" }] });
  conversations.add(first, [], { deletedAt: undefined });
  expect(conversations.current.value.id).toBe(second);
});

it("keeps the settings of a new conversation until its first message", async () => {
  const conversations = await open();
  const settings = { system: "a long prompt", sampling: {} };
  conversations.add(conversations.current.value.id, [], { settings });
  conversations.show(undefined);
  expect(conversations.current.value.settings).toEqual(settings);
  conversations.add(conversations.current.value.id, [said("one")], {});
  conversations.show(undefined);
  expect(conversations.current.value.settings.system).toBe("");
});

it("keeps the settings of a new conversation over a reload, until the conversation begins or the settings are reset", async () => {
  const tab = createMemory();
  const settings = { system: "a long prompt", sampling: { seed: 1 } };
  const systemAfterReload = async (): Promise<string> => (await open({}, tab)).current.value.settings.system;
  const first = await open({}, tab);
  first.add(first.current.value.id, [], { settings });
  const second = await open({}, tab);
  expect(second.current.value.settings).toEqual(settings);
  second.add(second.current.value.id, [said("one")], {});
  expect(await systemAfterReload()).toBe("");
  first.add(first.current.value.id, [], { settings });
  expect(await systemAfterReload()).toBe("a long prompt");
  first.add(first.current.value.id, [], { settings: first.newSettings.value });
  expect(await systemAfterReload()).toBe("");
  tab.setItem("waggle.new.settings", '{"system": 1}');
  expect(await systemAfterReload()).toBe("");
});

it("gives a new conversation the newest default settings if no settings were chosen", async () => {
  const conversations = await open();
  const settings = { system: "by default", sampling: {} };
  conversations.saveNewSettings(settings);
  conversations.add(conversations.current.value.id, [], { settings });
  conversations.saveNewSettings({ system: "newer", sampling: {} });
  conversations.show(undefined);
  expect(conversations.current.value.settings.system).toBe("newer");
});

it("reports that the default of new conversations cannot be stored", async () => {
  const conversations = await open({ saveSettings: () => Promise.reject(new Error("broken disk")) });
  conversations.saveNewSettings({ system: "", sampling: {} });
  await new Promise((resolve) => setImmediate(resolve));
  expect(conversations.trouble.value).toEqual({ kind: "failed", reason: "broken disk" });
});

it("keeps showing this tab's answer when another tab sends a message at the same moment", async () => {
  let receive = (_: TabMessage): void => undefined;
  const conversations = await openConversations({
    storage: createMemoryStorage(),
    otherTabs: { send: () => undefined, listen: (listener) => (receive = listener) },
  });
  const { id } = conversations.current.value;
  const messages = (whose: string, sentAt: number): readonly Message[] => [
    { role: "user", id: `message-${whose}`, text: whose, sentAt },
    newAnswer(`answer-${whose}`, `job-${whose}`, sentAt, `message-${whose}`),
  ];
  conversations.add(id, messages("ours", 1), {});
  receive({ kind: "changed", changes: [{ id, head: { kind: "patch", patch: {} }, turns: messages("theirs", 2) }] });
  expect(conversations.current.value.turns).toHaveLength(4);
  expect(shownMessages(conversations.current.value).map((message) => message.id)).toEqual([
    "message-ours",
    "answer-ours",
  ]);
});

it("stores a change of a conversation whose messages this tab has not read", async () => {
  const storage = createMemoryStorage();
  const head = { id: "unread", updatedAt: 1, title: "Bees", settings: { system: "", sampling: {} }, chosen: {} };
  await storage.save([{ id: head.id, head: { kind: "new", head }, turns: [said("one")] }]);
  const conversations = await open(storage);
  conversations.add(head.id, [], { pinned: true });
  await conversations.flush();
  expect(await storage.loadHeads()).toEqual([{ ...head, pinned: true }]);
  expect(await storage.loadMessages(head.id)).toEqual([said("one")]);
});

const bee = { id: "bee", name: "bee.png", bytes: 3, text: "", picture: { width: 4, height: 3 } };

it("stores the text of a message whose picture does not fit, says so, and stores the picture with the next message", async () => {
  const storage = createMemoryStorage();
  const stored: string[] = [];
  let isFull = true;
  let tries = 0;
  const conversations = await open({
    ...storage,
    async savePictures(pictures) {
      tries += 1;
      if (isFull && pictures.length > 0) throw new PicturesNotStored(new DOMException("full", "QuotaExceededError"));
      for (const { owner, id, file } of pictures) stored.push(`${owner} ${id} ${await file.text()}`);
    },
  });
  const { id } = conversations.current.value;
  conversations.pictures.hold("bee", new Blob(["png"]));
  conversations.add(id, [{ ...said("one"), attachments: [bee] } as Message], {});
  await conversations.flush();
  expect(await storage.loadMessages(id)).toHaveLength(1);
  expect(conversations.trouble.value).toEqual({ kind: "pictures", reason: "full" });
  // An answer that streams does not try again, because it is stored several times in a second.
  conversations.add(id, [{ ...newAnswer("a", "job", 1, "one"), phase: "done" }], {});
  await conversations.flush();
  expect(conversations.trouble.value).toMatchObject({ kind: "pictures" });
  expect(tries).toBe(1);
  isFull = false;
  conversations.add(id, [said("two")], {});
  await conversations.flush();
  expect(stored).toEqual([`${id} bee png`]);
  expect(conversations.trouble.value).toBeUndefined();
});

it("gives other tabs the files of new pictures, and holds those of conversations that it has read", async () => {
  const sent: TabMessage[] = [];
  const listeners: ((message: TabMessage) => void)[] = [];
  const conversations = await openConversations({
    storage: createMemoryStorage(),
    otherTabs: { send: (message) => void sent.push(message), listen: (listener) => void listeners.push(listener) },
    tab: createMemory(),
  });
  const { id } = conversations.current.value;
  conversations.pictures.hold("bee", new Blob(["png"]));
  conversations.add(id, [{ ...said("one"), attachments: [bee] } as Message], {});
  await conversations.flush();
  expect(sent).toMatchObject([{ kind: "changed", pictures: [{ owner: id, id: "bee" }] }]);
  const file = new Blob(["jpg"]);
  const pictures = [
    { owner: id, id: "wasp", file },
    { owner: "not read", id: "ant", file },
  ];
  listeners[0]?.({ kind: "changed", changes: [], pictures });
  expect(await conversations.pictures.find({ owner: id, id: "wasp" })).toBe(file);
  expect(await conversations.pictures.find({ owner: "not read", id: "ant" })).toBeUndefined();
});
