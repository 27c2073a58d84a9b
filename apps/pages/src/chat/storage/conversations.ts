// Owns the conversations of this tab: their list, and the shown conversation. Stores each change, and sends it to other tabs. All heads are read
// at the start; messages are read when their conversation is shown.
import { batch, computed, signal, type ReadonlySignal } from "@preact/signals";
import { readItem, storeItem, tabStorage, type SimpleStorage } from "../../wire/browser-storage.ts";
import type { Answer } from "../conversation/answer.ts";
import { findAnswer, liveAnswer, shownLiveAnswer, shownMessages, untitled } from "../conversation/conversation.ts";
import type { Conversation, Head, Message } from "../conversation/conversation.ts";
import { mergeMessages, patchHead, type HeadPatch } from "../conversation/merge.ts";
import { newId } from "../conversation/new-id.ts";
import { readSettings } from "../conversation/read-conversation.ts";
import { withoutRemoved } from "../conversation/removed-messages.ts";
import { createHeldPictures, type HeldPictures, type OwnedPicture } from "../pictures/held-pictures.ts";
import { choicesFor } from "../conversation/message-tree.ts";
import type { Settings } from "../settings/settings.ts";
import type { OtherTabs, TabMessage } from "./other-tabs.ts";
import { createSaveQueue, type StorageTrouble } from "./save-queue.ts";
import { headAfter, type Change, type ConversationStorage } from "./storage.ts";

export interface Conversations {
  /** Heads that are not deleted, in no order. */
  readonly heads: ReadonlySignal<readonly Head[]>;
  readonly current: ReadonlySignal<Conversation>;
  /** Whether the messages of the current conversation are still being read. */
  readonly reading: ReadonlySignal<boolean>;
  /** Ids of the conversations in this tab that have a streaming answer, separated by blanks. */
  readonly answering: ReadonlySignal<string>;
  readonly trouble: ReadonlySignal<StorageTrouble | undefined>;
  readonly pictures: HeldPictures;
  /** Settings of new conversations. */
  readonly newSettings: ReadonlySignal<Settings>;
  saveNewSettings(settings: Settings): void;
  /** Undefined before the conversation's messages are read. */
  get(id: string): Conversation | undefined;
  all(): readonly Conversation[];
  /** Reads the conversation's messages, unless they have been read. */
  load(id: string): Promise<Conversation | undefined>;
  /** Shows a conversation; an unknown id shows a new conversation. */
  show(id: string | undefined): void;
  /** Adds messages and changes the head; stores both at once. A new conversation joins the list with its first message. */
  add(id: string, messages: readonly Message[], patch: HeadPatch): void;
  /** Changes one answer, and stores the change soon. */
  change(conversationId: string, answerId: string, change: (answer: Answer) => Answer): void;
  readAllMessages: ConversationStorage["readAllMessages"];
  /** Adds changes from a file; a picture that cannot be stored is reported. @throws the storage's error; then nothing is added */
  bring(changes: readonly Change[], pictures?: readonly OwnedPicture[]): Promise<void>;
  /** Hides a message. The messages after it follow the message before it. */
  removeMessage(id: string, messageId: string): void;
  /** Shows a hidden message again. */
  restoreMessage(id: string, messageId: string): void;
  /** Removes for good those messages that are still hidden. */
  removeHidden(id: string, messageIds: readonly string[]): Promise<void>;
  /** Removes for good those conversations that are still marked as deleted. */
  removeDeleted(ids: readonly string[]): Promise<void>;
  /** Whether another tab announced this job before the worker had it. */
  sentElsewhere(jobId: string): boolean;
  /** All heads, including deleted ones. */
  everyHead(): readonly Head[];
  unsaved(): readonly Change[];
  /** Reports a failure of the storage that happened elsewhere in the page. */
  report(error: unknown): void;
  /** Stores all changes. */
  flush(): Promise<void>;
}

export interface ConversationsOptions {
  readonly storage: ConversationStorage;
  readonly otherTabs: OtherTabs;
  /** The reason why the storage lasts only as long as the tab; undefined for a lasting storage. */
  readonly closed?: StorageTrouble | undefined;
  /** Storage that lasts as long as this tab. */
  readonly tab?: SimpleStorage;
}

/** @throws the storage's error if it cannot be read */
export async function openConversations(options: ConversationsOptions): Promise<Conversations> {
  const { storage, otherTabs, closed, tab = tabStorage } = options;
  const pictures = createHeldPictures(storage.loadPicture);
  const [loadedHeads, loadedSettings] = await Promise.all([storage.loadHeads(), storage.loadSettings()]);
  const newSettings = signal<Settings>(loadedSettings ?? { system: "", sampling: {} });
  const headsById = signal<ReadonlyMap<string, Head>>(new Map(loadedHeads.map((head) => [head.id, head])));
  const heads = computed(() => [...headsById.value.values()].filter(({ deletedAt }) => deletedAt === undefined));
  const messagesById = signal<ReadonlyMap<string, readonly Message[]>>(new Map());
  /** Settings chosen for the new conversation before its first message. */
  let freshSettings = loadNewSettings(tab);
  const fresh = signal<Conversation>(blank());
  const shownId = signal(fresh.value.id);
  const shownHead = computed(() => heads.value.find(({ id }) => id === shownId.value));
  const messagesRead = computed(() => messagesById.value.get(shownId.value));
  const current = computed<Conversation>(() => {
    const head = shownHead.value;
    return head === undefined ? fresh.value : shown({ ...head, turns: messagesRead.value ?? [] });
  });
  const reading = computed(() => shownHead.value !== undefined && messagesRead.value === undefined);
  /** The conversations whose messages are being read, with the messages that other tabs send meanwhile. */
  const arriving = new Map<string, { turns: readonly Message[]; readonly read: Promise<void> }>();
  const jobsElsewhere = new Set<string>();
  const saveQueue = createSaveQueue({
    storage,
    pictures,
    get: asFarAsRead,
    onWrite: (changes, files) => otherTabs.send({ kind: "changed", changes, pictures: files }),
  });

  function blank(): Conversation {
    return {
      id: newId("chat"),
      updatedAt: Date.now(),
      title: untitled,
      settings: freshSettings ?? newSettings.value,
      chosen: {},
      turns: [],
    };
  }

  function setFresh(settings: Settings | undefined): void {
    freshSettings = settings;
    storeNewSettings(tab, settings);
  }

  function get(id: string): Conversation | undefined {
    if (id === fresh.value.id) return fresh.value;
    const read = messagesById.value.has(id) ? asFarAsRead(id) : undefined;
    return read === undefined ? undefined : shown(read);
  }

  /** Includes hidden messages. */
  function asFarAsRead(id: string): Conversation | undefined {
    const head = headsById.value.get(id);
    return head === undefined ? undefined : { ...head, turns: messagesById.value.get(id) ?? [] };
  }

  function setHead(head: Head): void {
    headsById.value = new Map(headsById.value).set(head.id, head);
  }

  function setMessages(id: string, messages: readonly Message[]): void {
    messagesById.value = new Map(messagesById.value).set(id, messages);
  }

  async function read(id: string): Promise<void> {
    const messages = await storage.loadMessages(id).catch((error: unknown) => saveQueue.report(error));
    const arrived = arriving.get(id)?.turns ?? [];
    arriving.delete(id);
    if (messages !== undefined)
      setMessages(id, mergeMessages(mergeMessages(messages, arrived), messagesById.value.get(id) ?? []));
  }

  async function load(id: string): Promise<Conversation | undefined> {
    if (!messagesById.value.has(id) && headsById.value.has(id)) {
      if (!arriving.has(id)) arriving.set(id, { turns: [], read: read(id) });
      await arriving.get(id)?.read;
    }
    return get(id);
  }

  function forget(ids: readonly string[]): void {
    for (const id of ids) saveQueue.forget(id);
    headsById.value = new Map([...headsById.value].filter(([id]) => !ids.includes(id)));
    messagesById.value = new Map([...messagesById.value].filter(([id]) => !ids.includes(id)));
  }

  /** Applies a change from another tab or a file. */
  function take({ id, head: change, turns }: Change): void {
    const ours = headsById.value.get(id);
    const asked = ownComing(id);
    const head = headAfter(ours, { id, head: change, turns });
    if (head === undefined) return;
    // Only this tab chooses the branch that it shows.
    setHead(ours === undefined ? head : { ...head, chosen: { ...head.chosen, ...ours.chosen } });
    for (const message of turns) {
      if (message.role === "assistant" && message.phase === "sending") jobsElsewhere.add(message.jobId);
    }
    const [known, coming] = [messagesById.value.get(id), arriving.get(id)];
    if (coming !== undefined) coming.turns = mergeMessages(coming.turns, turns);
    if (known === undefined) return;
    const merged = mergeMessages(known, turns);
    if (merged !== known) setMessages(id, merged);
    if (asked !== undefined) keepShown(id, asked.id);
  }

  /** The answer that streams on the shown branch, if this tab requested it. */
  function ownComing(id: string): Answer | undefined {
    const conversation = get(id);
    const coming = conversation === undefined ? undefined : shownLiveAnswer(conversation);
    return coming === undefined || jobsElsewhere.has(coming.jobId) ? undefined : coming;
  }

  /** Keeps this tab's branch shown if another tab sent a message at the same moment. */
  function keepShown(id: string, messageId: string): void {
    const conversation = get(id);
    if (conversation === undefined || shownMessages(conversation).some((message) => message.id === messageId)) return;
    const { turns, ...head } = conversation;
    setHead({ ...head, chosen: { ...head.chosen, ...choicesFor(turns, messageId) } });
  }

  function receive(message: TabMessage): void {
    if (message.kind === "removed") forget(message.ids);
    else if (message.kind === "settings") newSettings.value = message.settings;
    else {
      // A conversation that this tab has not read will be read from the storage, with its pictures.
      for (const { owner, id, file } of message.pictures ?? [])
        if (messagesById.peek().has(owner)) pictures.hold(id, file);
      batch(() => {
        for (const change of message.changes) take(change);
      });
    }
  }

  function add(id: string, messages: readonly Message[], patch: HeadPatch): void {
    if (id === fresh.value.id) {
      const { turns: _, ...head } = fresh.value;
      if (messages.length === 0) {
        const { settings } = patch;
        const isUsual = JSON.stringify(settings) === JSON.stringify(newSettings.peek());
        if (settings !== undefined) setFresh(isUsual ? undefined : settings);
        fresh.value = { ...patchHead(head, patch), turns: [] };
        return;
      }
      batch(() => {
        // The new conversation may also be shown because the shown conversation was deleted.
        if (current.peek().id === id) shownId.value = id;
        setMessages(id, messages);
        setHead(patchHead(head, patch));
        // The next new conversation gets another id.
        setFresh(undefined);
        fresh.value = blank();
      });
      saveQueue.note(id, { isNew: true, messageIds: messages.map((message) => message.id) });
    } else {
      const [head, known] = [headsById.value.get(id), messagesById.value.get(id)];
      if (head === undefined) return;
      batch(() => {
        if (messages.length > 0) setMessages(id, mergeMessages(known ?? [], messages));
        setHead(patchHead(head, patch));
      });
      saveQueue.note(id, { patch, messageIds: messages.map((message) => message.id) });
    }
    void saveQueue.flush();
  }

  otherTabs.listen(receive);

  return {
    heads,
    current,
    reading,
    answering: computed(() => {
      const coming = [...messagesById.value].filter(([, messages]) => liveAnswer({ turns: messages }) !== undefined);
      return coming.map(([id]) => id).join(" ");
    }),
    trouble: computed(() => closed ?? saveQueue.trouble.value),
    pictures,
    newSettings,
    saveNewSettings(settings) {
      newSettings.value = settings;
      otherTabs.send({ kind: "settings", settings });
      storage.saveSettings(settings).catch(saveQueue.report);
    },
    get,
    all: () => [...messagesById.value.keys()].flatMap((id) => get(id) ?? []),
    load,
    show(id) {
      if (id !== undefined && heads.value.some((head) => head.id === id)) {
        shownId.value = id;
        void load(id);
        return;
      }
      if (freshSettings === undefined) fresh.value = blank();
      shownId.value = fresh.value.id;
    },
    add,
    change(conversationId, answerId, change) {
      const messages = messagesById.value.get(conversationId);
      const answer = messages === undefined ? undefined : findAnswer({ turns: messages }, answerId);
      if (messages === undefined || answer === undefined) return;
      const changed = change(answer);
      if (changed === answer) return;
      const next = messages.map((message) => (message === answer ? changed : message));
      setMessages(conversationId, next);
      saveQueue.note(conversationId, { messageIds: [answerId] });
      if (changed.phase === answer.phase) saveQueue.soon();
      else void saveQueue.flush();
    },
    readAllMessages: storage.readAllMessages,
    removeMessage(id, messageId) {
      const conversation = get(id);
      const parent = asFarAsRead(id)?.turns.find((message) => message.id === messageId)?.parent;
      if (conversation === undefined || conversation.turns.every((message) => message.id !== messageId)) return;
      const path = shownMessages(conversation);
      const next = path[path.findIndex((message) => message.id === messageId) + 1];
      const removed = { [messageId]: parent ?? "" };
      const left = withoutRemoved(conversation.turns, removed);
      // Without this choice, another branch might be shown in the place of the messages that followed.
      const chosen = next === undefined ? {} : choicesFor(left, next.id);
      add(id, [], { removed, chosen });
    },
    restoreMessage(id, messageId) {
      const hidden = asFarAsRead(id)?.turns.find((message) => message.id === messageId);
      if (hidden === undefined) return;
      add(id, [hidden], { removed: { [messageId]: null } });
      const conversation = get(id);
      if (conversation !== undefined) add(id, [], { chosen: choicesFor(conversation.turns, messageId) });
    },
    removeHidden: storage.removeMessages,
    async bring(changes, files = []) {
      await storage.save(changes);
      for (const { id, file } of files) pictures.hold(id, file);
      otherTabs.send({ kind: "changed", changes, pictures: files });
      for (const change of changes) take(change);
      await storage.savePictures(files).catch(saveQueue.report);
    },
    async removeDeleted(ids) {
      await storage.removeDeleted(ids);
      forget(ids);
      otherTabs.send({ kind: "removed", ids });
    },
    sentElsewhere: (jobId) => jobsElsewhere.has(jobId),
    everyHead: () => [...headsById.value.values()],
    unsaved: saveQueue.unsaved,
    report: saveQueue.report,
    flush: saveQueue.flush,
  };
}

function shown(conversation: Conversation): Conversation {
  const messages = withoutRemoved(conversation.turns, conversation.removed);
  return messages === conversation.turns ? conversation : { ...conversation, turns: messages };
}

/** Where this tab keeps the settings chosen for a new conversation before its first message. */
const newSettingsKey = "waggle.new.settings";

function loadNewSettings(tab: SimpleStorage): Settings | undefined {
  try {
    return readSettings(readItem(tab, newSettingsKey), "the settings");
  } catch {
    // There are no settings, or a page of another version wrote them.
    return undefined;
  }
}

/** @param settings undefined for the default of new conversations */
function storeNewSettings(tab: SimpleStorage, settings: Settings | undefined): void {
  if (settings === undefined) tab.removeItem(newSettingsKey);
  else storeItem(tab, newSettingsKey, JSON.stringify(settings));
}
