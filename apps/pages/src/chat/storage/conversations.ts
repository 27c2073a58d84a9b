// Owns the conversations of this tab: their list, and the shown conversation. Stores each change, and sends it to other tabs. All heads are read
// at the start; turns are read when their conversation is shown.
import { batch, computed, signal, type ReadonlySignal } from "@preact/signals";
import { tabStorage, type SimpleStorage } from "../../wire/browser-storage.ts";
import type { Answer } from "../conversation/answer.ts";
import { findAnswer, liveAnswer, shownLiveAnswer, shownTurns, untitled } from "../conversation/conversation.ts";
import type { Conversation, Head, Turn } from "../conversation/conversation.ts";
import { mergeTurns, patchHead, type HeadPatch } from "../conversation/merge.ts";
import { newId } from "../conversation/new-id.ts";
import { withoutRemoved } from "../conversation/removed-turns.ts";
import { createHeldPictures, type HeldPictures, type OwnedPicture } from "../pictures/held-pictures.ts";
import { choicesFor } from "../conversation/turn-tree.ts";
import { loadNewSettings, storeNewSettings } from "../settings/new-conversation-settings.ts";
import type { Settings } from "../settings/settings.ts";
import type { OtherTabs, TabMessage } from "./other-tabs.ts";
import { createSaveQueue, type StorageTrouble } from "./save-queue.ts";
import { headAfter, type Change, type ConversationStorage } from "./storage.ts";

export interface Conversations {
  /** Heads that are not deleted, in no order. */
  readonly heads: ReadonlySignal<readonly Head[]>;
  readonly current: ReadonlySignal<Conversation>;
  /** Whether the turns of the current conversation are still being read. */
  readonly reading: ReadonlySignal<boolean>;
  /** Ids of the conversations in this tab that have a streaming answer, separated by blanks. */
  readonly answering: ReadonlySignal<string>;
  readonly trouble: ReadonlySignal<StorageTrouble | undefined>;
  readonly pictures: HeldPictures;
  /** Settings of new conversations. */
  readonly newSettings: ReadonlySignal<Settings>;
  saveNewSettings(settings: Settings): void;
  /** Undefined before the conversation's turns are read. */
  get(id: string): Conversation | undefined;
  all(): readonly Conversation[];
  /** Reads the conversation's turns, unless they have been read. */
  load(id: string): Promise<Conversation | undefined>;
  /** Shows a conversation; an unknown id shows a new conversation. */
  show(id: string | undefined): void;
  /** Adds turns and changes the head; stores both at once. A new conversation joins the list with its first turn. */
  add(id: string, turns: readonly Turn[], patch: HeadPatch): void;
  /** Changes one answer, and stores the change soon. */
  change(conversationId: string, answerId: string, change: (answer: Answer) => Answer): void;
  readTurns: ConversationStorage["readTurns"];
  /** Adds changes from a file; a picture that cannot be stored is reported. @throws the storage's error; then nothing is added */
  bring(changes: readonly Change[], pictures?: readonly OwnedPicture[]): Promise<void>;
  /** Hides a message. The turns after it follow the turn before it. */
  removeTurn(id: string, turnId: string): void;
  /** Shows a hidden message again. */
  restoreTurn(id: string, turnId: string): void;
  /** Removes for good those messages that are still hidden. */
  removeHidden(id: string, turnIds: readonly string[]): Promise<void>;
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
  const everyHead = signal<readonly Head[]>(loadedHeads);
  const heads = computed(() => everyHead.value.filter(({ deletedAt }) => deletedAt === undefined));
  const turnsOf = signal<ReadonlyMap<string, readonly Turn[]>>(new Map());
  /** Settings chosen for the new conversation before its first turn. */
  let freshSettings = loadNewSettings(tab);
  const fresh = signal<Conversation>(blank());
  const shownId = signal(fresh.value.id);
  const shownHead = computed(() => heads.value.find(({ id }) => id === shownId.value));
  const turnsRead = computed(() => turnsOf.value.get(shownId.value));
  const current = computed<Conversation>(() => {
    const head = shownHead.value;
    return head === undefined ? fresh.value : shown({ ...head, turns: turnsRead.value ?? [] });
  });
  const reading = computed(() => shownHead.value !== undefined && turnsRead.value === undefined);
  /** The conversations whose turns are being read, with the turns that other tabs send meanwhile. */
  const arriving = new Map<string, { turns: readonly Turn[]; readonly read: Promise<void> }>();
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
    const read = turnsOf.value.has(id) ? asFarAsRead(id) : undefined;
    return read === undefined ? undefined : shown(read);
  }

  /** Includes hidden messages. */
  function asFarAsRead(id: string): Conversation | undefined {
    const head = everyHead.value.find((other) => other.id === id);
    return head === undefined ? undefined : { ...head, turns: turnsOf.value.get(id) ?? [] };
  }

  function setHead(head: Head): void {
    const known = everyHead.value.some(({ id }) => id === head.id);
    everyHead.value = known
      ? everyHead.value.map((other) => (other.id === head.id ? head : other))
      : [...everyHead.value, head];
  }

  function setTurns(id: string, turns: readonly Turn[]): void {
    turnsOf.value = new Map(turnsOf.value).set(id, turns);
  }

  async function read(id: string): Promise<void> {
    const turns = await storage.loadTurns(id).catch((error: unknown) => saveQueue.report(error));
    const arrived = arriving.get(id)?.turns ?? [];
    arriving.delete(id);
    if (turns !== undefined) setTurns(id, mergeTurns(mergeTurns(turns, arrived), turnsOf.value.get(id) ?? []));
  }

  async function load(id: string): Promise<Conversation | undefined> {
    if (!turnsOf.value.has(id) && everyHead.value.some((head) => head.id === id)) {
      if (!arriving.has(id)) arriving.set(id, { turns: [], read: read(id) });
      await arriving.get(id)?.read;
    }
    return get(id);
  }

  function forget(ids: readonly string[]): void {
    for (const id of ids) saveQueue.forget(id);
    everyHead.value = everyHead.value.filter(({ id }) => !ids.includes(id));
    turnsOf.value = new Map([...turnsOf.value].filter(([id]) => !ids.includes(id)));
  }

  /** Applies a change from another tab or a file. */
  function take({ id, head: change, turns }: Change): void {
    const ours = everyHead.value.find((head) => head.id === id);
    const asked = ownComing(id);
    const head = headAfter(ours, { id, head: change, turns });
    if (head === undefined) return;
    // Only this tab chooses the branch that it shows.
    setHead(ours === undefined ? head : { ...head, chosen: { ...head.chosen, ...ours.chosen } });
    for (const turn of turns) {
      if (turn.role === "assistant" && turn.phase === "sending") jobsElsewhere.add(turn.jobId);
    }
    const [known, coming] = [turnsOf.value.get(id), arriving.get(id)];
    if (coming !== undefined) coming.turns = mergeTurns(coming.turns, turns);
    if (known === undefined) return;
    const merged = mergeTurns(known, turns);
    if (merged !== known) setTurns(id, merged);
    if (asked !== undefined) keepShown(id, asked.id);
  }

  /** The answer that streams on the shown branch, if this tab requested it. */
  function ownComing(id: string): Answer | undefined {
    const conversation = get(id);
    const coming = conversation === undefined ? undefined : shownLiveAnswer(conversation);
    return coming === undefined || jobsElsewhere.has(coming.jobId) ? undefined : coming;
  }

  /** Keeps this tab's branch shown if another tab sent a message at the same moment. */
  function keepShown(id: string, turnId: string): void {
    const conversation = get(id);
    if (conversation === undefined || shownTurns(conversation).some((turn) => turn.id === turnId)) return;
    const { turns, ...head } = conversation;
    setHead({ ...head, chosen: { ...head.chosen, ...choicesFor(turns, turnId) } });
  }

  function receive(message: TabMessage): void {
    if (message.kind === "removed") forget(message.ids);
    else if (message.kind === "settings") newSettings.value = message.settings;
    else {
      // A conversation that this tab has not read will be read from the storage, with its pictures.
      for (const { owner, id, file } of message.pictures ?? []) if (turnsOf.peek().has(owner)) pictures.hold(id, file);
      batch(() => {
        for (const change of message.changes) take(change);
      });
    }
  }

  function add(id: string, turns: readonly Turn[], patch: HeadPatch): void {
    if (id === fresh.value.id) {
      const { turns: _, ...head } = fresh.value;
      if (turns.length === 0) {
        const { settings } = patch;
        if (settings !== undefined) setFresh(isSame(settings, newSettings.peek()) ? undefined : settings);
        fresh.value = { ...patchHead(head, patch), turns: [] };
        return;
      }
      batch(() => {
        // The new conversation may also be shown because the shown conversation was deleted.
        if (current.peek().id === id) shownId.value = id;
        setTurns(id, turns);
        setHead(patchHead(head, patch));
        // The next new conversation gets another id.
        setFresh(undefined);
        fresh.value = blank();
      });
      saveQueue.note(id, { isNew: true, turnIds: turns.map((turn) => turn.id) });
    } else {
      const [head, known] = [everyHead.value.find((other) => other.id === id), turnsOf.value.get(id)];
      if (head === undefined) return;
      batch(() => {
        if (turns.length > 0) setTurns(id, mergeTurns(known ?? [], turns));
        setHead(patchHead(head, patch));
      });
      saveQueue.note(id, { patch, turnIds: turns.map((turn) => turn.id) });
    }
    void saveQueue.flush();
  }

  otherTabs.listen(receive);

  return {
    heads,
    current,
    reading,
    answering: computed(() => {
      const coming = [...turnsOf.value].filter(([, turns]) => liveAnswer({ turns }) !== undefined);
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
    all: () => [...turnsOf.value.keys()].flatMap((id) => get(id) ?? []),
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
      const turns = turnsOf.value.get(conversationId);
      const answer = turns === undefined ? undefined : findAnswer({ turns }, answerId);
      if (turns === undefined || answer === undefined) return;
      const changed = change(answer);
      if (changed === answer) return;
      const next = turns.map((turn) => (turn === answer ? changed : turn));
      setTurns(conversationId, next);
      saveQueue.note(conversationId, { turnIds: [answerId] });
      if (changed.phase === answer.phase) saveQueue.soon();
      else void saveQueue.flush();
    },
    readTurns: storage.readTurns,
    removeTurn(id, turnId) {
      const conversation = get(id);
      const parent = asFarAsRead(id)?.turns.find((turn) => turn.id === turnId)?.parent;
      if (conversation === undefined || conversation.turns.every((turn) => turn.id !== turnId)) return;
      const path = shownTurns(conversation);
      const next = path[path.findIndex((turn) => turn.id === turnId) + 1];
      const removed = { [turnId]: parent ?? "" };
      const left = withoutRemoved(conversation.turns, removed);
      // Without this choice, another branch might be shown in the place of the turns that followed.
      const chosen = next === undefined ? {} : choicesFor(left, next.id);
      add(id, [], { removed, chosen });
    },
    restoreTurn(id, turnId) {
      const hidden = asFarAsRead(id)?.turns.find((turn) => turn.id === turnId);
      if (hidden === undefined) return;
      add(id, [hidden], { removed: { [turnId]: null } });
      const conversation = get(id);
      if (conversation !== undefined) add(id, [], { chosen: choicesFor(conversation.turns, turnId) });
    },
    removeHidden: storage.removeTurns,
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
    everyHead: () => everyHead.value,
    unsaved: saveQueue.unsaved,
    report: saveQueue.report,
    flush: saveQueue.flush,
  };
}

function shown(conversation: Conversation): Conversation {
  const turns = withoutRemoved(conversation.turns, conversation.removed);
  return turns === conversation.turns ? conversation : { ...conversation, turns };
}

function isSame(some: Settings, others: Settings): boolean {
  return JSON.stringify(some) === JSON.stringify(others);
}
