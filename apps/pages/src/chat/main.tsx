// Owns the start of the chat page: only this file creates the page's parts and connects them.
import { computed, effect, type ReadonlySignal } from "@preact/signals";
import type { ModelStatus } from "@waggle/protocol";
import { createModelControls } from "../models/model-controls.ts";
import { createModelList } from "../models/model-list.ts";
import { mount } from "../parts/mount.tsx";
import { createApi } from "../wire/api.ts";
import { storeItem, tabStorage } from "../wire/browser-storage.ts";
import { App } from "./app.tsx";
import { hasNotBegun } from "./conversation/answer.ts";
import { createCountTokens } from "./attachments/count-tokens.ts";
import { createDraftFiles } from "./attachments/draft-files.ts";
import { createChat } from "./chat.ts";
import "./chat.css";
import { liveAnswer, type Conversation } from "./conversation/conversation.ts";
import { createDeletions } from "./storage/deletions.ts";
import { noDraft } from "./composer/drafts.ts";
import { openStorage } from "./storage/open-storage.ts";
import { createLibrary } from "./storage/library.ts";
import { factsOf } from "./model/model-facts.ts";
import { draftOwner } from "./pictures/held-pictures.ts";
import { sightOf } from "./pictures/sight.ts";
import { createMcpServerList } from "./mcp/mcp-servers.ts";
import { createModelChoice } from "./model/model-choice.ts";
import { createWorkerAbout } from "./model/worker-about.ts";

const api = createApi();
const { conversations, drafts, ...page } = await openStorage();
const about = createWorkerAbout(api);
const models = createModelList(api);
const choice = createModelChoice(
  models,
  computed(() => hasNotBegun(liveAnswer(conversations.current.value))),
);
const controls = createModelControls(api, models, choice.refresh);
const chat = createChat({ api, conversations, about, choice });
const modelNow = (): ModelStatus | undefined => choice.chosen(conversations.current.peek().settings.model);
const { pictures } = conversations;
const draftFiles = createDraftFiles({
  drafts,
  countTokens: createCountTokens(api, () => modelNow()?.name),
  pictures: { hold: pictures.hold, find: async (id) => await pictures.find({ owner: draftOwner, id }) },
  sightNow: () => sightOf(factsOf(about.info.peek(), modelNow())),
});
const deletions = createDeletions(conversations, async (id) => {
  await chat.abandon(id);
  draftFiles.forget(id);
  drafts.set(id, noDraft);
});
const mcpServers = createMcpServerList(api);
// The worker's info comes when the page opens, and again after a time without the worker, which may have other servers then.
effect(() => {
  if (about.info.value !== undefined) void mcpServers.read();
});

/** The id in the address; empty if the address is cut off or mistyped. */
function addressedId(hash: string): string {
  try {
    return decodeURIComponent(hash);
  } catch {
    return "";
  }
}

/** The address names the conversation, so that a reload, a bookmark and the back button find it. */
function showAddressed(): void {
  const id = addressedId(location.hash.slice(1));
  if (id !== conversations.current.peek().id) void chat.show(id === "" ? undefined : id);
}

showAddressed();
const shownId = computed(() => conversations.current.value.id);
const hasBegun = computed(() => conversations.current.value.turns.length > 0 || conversations.reading.value);
let addressed = shownId.peek();
effect(() => {
  const id = shownId.value;
  const hash = hasBegun.value ? `#${encodeURIComponent(id)}` : "";
  // A conversation gets its address when it begins. The address changes then, but the conversation stays the same.
  const isOther = id !== addressed;
  addressed = id;
  if (location.hash === hash) return;
  const url = hash === "" ? location.pathname : hash;
  if (isOther) history.pushState(null, "", url);
  else history.replaceState(null, "", url);
});
addEventListener("hashchange", showAddressed);
addEventListener("pagehide", page.leave);
addEventListener("pageshow", page.stay);
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "hidden") page.flush();
});

// An answer continues to stream into a conversation that is not shown, also after a reload.
const answeringKey = "waggle.answering";
addEventListener("pagehide", () => storeItem(tabStorage, answeringKey, conversations.answering.peek()));
void chat.resume((tabStorage.getItem(answeringKey) ?? "").split(" "));

deletions.resume();
persistOnceAnswered(conversations.current);
about.refresh();
void controls.downloads.refresh();
mount(
  <App
    {...{ api, chat, conversations, about, choice, controls, drafts, draftFiles, deletions, mcpServers }}
    library={createLibrary(conversations)}
  />,
);

/** Requests lasting storage only after the first answer: some browsers ask the visitor, who then knows the reason. A refusal has no effect. */
function persistOnceAnswered(current: ReadonlySignal<Conversation>): void {
  const stop = effect(() => {
    if (!current.value.turns.some((message) => message.role === "assistant" && message.phase === "done")) return;
    const storage = (navigator as { readonly storage?: StorageManager }).storage;
    storage?.persist().catch(() => undefined);
    queueMicrotask(() => stop());
  });
}
