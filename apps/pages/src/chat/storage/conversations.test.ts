// Shows which conversation is shown after a deletion, and that settings of a new conversation stay until its first message.
import { expect, it } from "vitest";
import { createMemory } from "../../wire/browser-storage.ts";
import { newAnswer } from "../conversation/answer.ts";
import { shownTurns } from "../conversation/conversation.ts";
import type { Turn } from "../conversation/conversation.ts";
import { openConversations } from "./conversations.ts";
import type { Conversations } from "./conversations.ts";
import type { TabMessage } from "./other-tabs.ts";
import { createMemoryStorage } from "./storage.ts";
import type { ConversationStorage } from "./storage.ts";

const said = (id: string): Turn => ({ role: "user", id, text: id, sentAt: 0 });

async function open(storage: Partial<ConversationStorage> = {}, tab = createMemory()): Promise<Conversations> {
  return await openConversations({
    storage: { ...createMemoryStorage(), ...storage },
    otherTabs: { send: () => undefined, listen: () => undefined },
    tab,
  });
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
  const turns = (whose: string, sentAt: number): readonly Turn[] => [
    { role: "user", id: `message-${whose}`, text: whose, sentAt },
    newAnswer(`answer-${whose}`, `job-${whose}`, sentAt, `message-${whose}`),
  ];
  conversations.add(id, turns("ours", 1), {});
  receive({ kind: "changed", changes: [{ id, head: { kind: "patch", patch: {} }, turns: turns("theirs", 2) }] });
  expect(conversations.current.value.turns).toHaveLength(4);
  expect(shownTurns(conversations.current.value).map((turn) => turn.id)).toEqual(["message-ours", "answer-ours"]);
});

it("stores a change of a conversation whose turns this tab has not read", async () => {
  const storage = createMemoryStorage();
  const head = { id: "unread", updatedAt: 1, title: "Bees", settings: { system: "", sampling: {} }, chosen: {} };
  await storage.save([{ id: head.id, head: { kind: "new", head }, turns: [said("one")] }]);
  const conversations = await open(storage);
  conversations.add(head.id, [], { pinned: true });
  await conversations.flush();
  expect(await storage.loadHeads()).toEqual([{ ...head, pinned: true }]);
  expect(await storage.loadTurns(head.id)).toEqual([said("one")]);
});
