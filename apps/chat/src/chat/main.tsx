// Owns the start of the chat page: its parts are made and joined here, and nowhere else.
import { computed, effect } from "@preact/signals";
import { createModelControls } from "../models/model-controls.ts";
import { createModelList } from "../models/model-list.ts";
import { mount } from "../parts/mount.tsx";
import { createApi } from "../wire/api.ts";
import { keepItem, tabStorage } from "../wire/browser-storage.ts";
import { App } from "./app.tsx";
import { hasNotBegun } from "./answer.ts";
import { createCountTokens } from "./attachments/count-tokens.ts";
import { createDraftFiles } from "./attachments/draft-files.ts";
import { createChat } from "./chat.ts";
import "./chat.css";
import { liveAnswer } from "./conversation.ts";
import { createDeletions } from "./deletions.ts";
import { noDraft } from "./drafts.ts";
import { openKept } from "./keep.ts";
import { createLibrary } from "./library.ts";
import { createModelChoice } from "./model-choice.ts";
import { createPresetStore } from "./settings/preset-store.ts";
import { createShortcutSwitch } from "./shortcuts.ts";
import { persistOnceAnswered } from "./storage-used.ts";
import { createWorkerAbout } from "./worker-about.ts";

const api = createApi();
const { conversations, drafts, ...page } = await openKept();
const about = createWorkerAbout(api);
const models = createModelList(api);
const choice = createModelChoice(
  models,
  computed(() => hasNotBegun(liveAnswer(conversations.current.value))),
);
const controls = createModelControls(api, models, choice.refresh);
const chat = createChat({ api, conversations, about, choice });
const countTokens = createCountTokens(api, () => choice.chosen(conversations.current.peek().settings.model)?.name);
const draftFiles = createDraftFiles({ drafts, countTokens });
const deletions = createDeletions(conversations, async (id) => {
  await chat.abandon(id);
  draftFiles.forget(id);
  drafts.set(id, noDraft);
});

/** An address that somebody has cut off or mistyped names nothing. */
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
  if (id !== conversations.current.peek().id) chat.show(id === "" ? undefined : id);
}

showAddressed();
const shownId = computed(() => conversations.current.value.id);
const hasBegun = computed(() => conversations.current.value.turns.length > 0 || conversations.reading.value);
let addressed = shownId.peek();
effect(() => {
  const id = shownId.value;
  const hash = hasBegun.value ? `#${encodeURIComponent(id)}` : "";
  // One that begins gets its address, and is no other one.
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

// An answer goes on coming to a conversation that was left, also when the page is loaded again.
const answeringKey = "waggle.answering";
addEventListener("pagehide", () => keepItem(tabStorage, answeringKey, conversations.answering.peek()));
void chat.resume((tabStorage.getItem(answeringKey) ?? "").split(" "));

deletions.resume();
persistOnceAnswered(conversations.current);
about.refresh();
mount(
  <App
    api={api}
    chat={chat}
    conversations={conversations}
    about={about}
    choice={choice}
    controls={controls}
    drafts={drafts}
    draftFiles={draftFiles}
    deletions={deletions}
    presets={createPresetStore()}
    shortcutSwitch={createShortcutSwitch()}
    library={createLibrary(conversations)}
  />,
);
