// Owns the chat page's frame: the list of conversations, the top bar, the transcript and the message box.
import { useComputed, useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import { deferred } from "../models/deferred.tsx";
import type { ModelControls } from "../models/model-controls.ts";
import { copy } from "../parts/copy-button.tsx";
import { Icon, IconButton } from "../parts/icons.tsx";
import { saveFile } from "../parts/save-file.ts";
import { ThemeSwitch } from "../parts/theme-switch.tsx";
import { TokenDialog, TokenNotice } from "../parts/token-dialog.tsx";
import type { Api } from "../wire/api.ts";
import type { DraftFiles } from "./attachments/draft-files.ts";
import { isLive, type Answer } from "./conversation/answer.ts";
import type { Chat } from "./chat.ts";
import { CompareDialog } from "./compare/compare-dialog.tsx";
import { Composer } from "./composer/composer.tsx";
import { ContextMeter } from "./transcript/context-meter.tsx";
import { contextUse } from "./conversation/context-use.ts";
import { findAnswer, shownLiveAnswer, shownMessages } from "./conversation/conversation.ts";
import type { Conversations } from "./storage/conversations.ts";
import type { Deletions } from "./storage/deletions.ts";
import { newDraftKey, noDraft, type Drafts } from "./composer/drafts.ts";
import type { McpServerList } from "./mcp/mcp-servers.ts";
import { ToolsButton } from "./mcp/tools-button.tsx";
import type { ListActions } from "./sidebar/conversation-entry.tsx";
import type { Library } from "./storage/library.ts";
import { canChat, type ModelChoice } from "./model/model-choice.ts";
import { pictureKeys } from "./pictures/held-pictures.ts";
import { sightOf } from "./pictures/sight.ts";
import { PageContext, type Page } from "./page.ts";
import type { PresetStore } from "./settings/preset-store.ts";
import { ShortcutKeys } from "./shortcuts/shortcut-keys.tsx";
import { SystemLine } from "./transcript/system-line.tsx";
import { factsOf } from "./model/model-facts.ts";
import { pointAt } from "./transcript/point-at.ts";
import { Sidebar } from "./sidebar/sidebar.tsx";
import { StorageNotice } from "./storage/storage-notice.tsx";
import { Transcript } from "./transcript/transcript.tsx";
import { UndoList } from "./sidebar/undo-list.tsx";
import { Welcome } from "./model/welcome.tsx";
import type { WorkerAbout } from "./model/worker-about.ts";
import { WorkerBadge } from "./model/worker-badge.tsx";

const SettingsDialog = deferred(async () => (await import("./settings/settings-dialog.tsx")).SettingsDialog);
const NoModel = deferred(async () => (await import("./model/no-model.tsx")).NoModel);

export interface AppProps {
  readonly api: Api;
  readonly chat: Chat;
  readonly conversations: Conversations;
  readonly about: WorkerAbout;
  readonly choice: ModelChoice;
  readonly controls: ModelControls;
  readonly drafts: Drafts;
  readonly draftFiles: DraftFiles;
  readonly deletions: Deletions;
  readonly presets: PresetStore;
  readonly library: Library;
  readonly mcpServers: McpServerList;
}

export function App(props: AppProps): VNode {
  const { api, chat, conversations, about, choice, controls, drafts, draftFiles } = props;
  const { deletions, presets, library, mcpServers } = props;
  const sidebarOpen = useSignal(false);
  const settingsOpen = useSignal(false);
  const compared = useSignal<string | undefined>(undefined);
  const current = conversations.current.value;
  const settings = useComputed(() => conversations.current.value.settings);
  const live = shownLiveAnswer(current) !== undefined;
  const title = current.title;
  const facts = factsOf(about.info.value, choice.chosen(current.settings.model));
  const use = contextUse(shownMessages(current), facts?.context_size);
  const sight = sightOf(facts);
  const sentPictures = useMemo(() => pictureKeys(current.id, shownMessages(current)).length, [current]);
  const reading = conversations.reading.value;
  const models = controls.list.statuses.value?.models;
  const noModel = models !== undefined && !models.some(canChat);
  const isNew = current.turns.length === 0 && !reading;
  const draftKey = isNew ? newDraftKey : current.id;

  useEffect(() => {
    document.title = isNew ? "Waggle" : `${title} · Waggle`;
  }, [title, isNew]);
  const page = useMemo<Page>(
    () => ({
      chat,
      choice,
      openSettings: () => (settingsOpen.value = true),
      openModels: () => (controls.open.value = true),
      describeTool: mcpServers.describe,
      giveToken: () => (api.tokenAsked.value = api.hasToken.peek() ? "change" : "first"),
      deleteMessage: deletions.deleteMessage,
      compare: (answerId) => (compared.value = answerId),
      findPicture: async (id) => await conversations.pictures.find({ owner: current.id, id }),
    }),
    [api, chat, choice, controls, conversations, mcpServers, settingsOpen, compared, deletions, current.id],
  );

  function escape(): boolean {
    if (sidebarOpen.peek()) sidebarOpen.value = false;
    else if (shownLiveAnswer(conversations.current.peek()) !== undefined) chat.stop();
    else return false;
    return true;
  }

  function search(): void {
    const field = document.querySelector<HTMLInputElement>("#search");
    const begin = (): void => {
      field?.focus();
      field?.select();
    };
    if (field?.checkVisibility({ visibilityProperty: true }) === true) return begin();
    // On a phone the sidebar is drawn first, because a hidden field takes no focus.
    sidebarOpen.value = true;
    requestAnimationFrame(begin);
  }

  /** Calls `use` with the newest answer, unless it is still streaming. */
  function withLastAnswer(use: (answer: Answer) => void): void {
    const last = shownMessages(conversations.current.peek()).at(-1);
    if (last?.role === "assistant" && !isLive(last)) use(last);
  }

  const listActions = useMemo<ListActions>(
    () => ({
      show,
      delete: deletions.deleteConversation,
      rename: (id, title) => conversations.add(id, [], { title, named: true }),
      pin: (id, pinned) => conversations.add(id, [], { pinned: pinned ? true : undefined }),
      export: (kind, id) => void library.export(kind, [id]).then(saveFile, conversations.report),
    }),
    [conversations, deletions, library],
  );

  async function find(id: string, messageId: string | undefined): Promise<void> {
    if (messageId === undefined) return show(id);
    sidebarOpen.value = false;
    await chat.showMessage(id, messageId);
    pointAt(messageId);
  }

  /** Sends a suggestion, and moves the unsent draft to the conversation that begins with it. */
  function sendSuggestion(text: string): void {
    const draft = drafts.get(newDraftKey);
    drafts.set(newDraftKey, noDraft);
    chat.send(text);
    const { id } = conversations.current.peek();
    drafts.set(id, draft);
    draftFiles.move(newDraftKey, id);
  }

  function useModel(name: string): void {
    chat.chooseModel(name);
    document.getElementById("message")?.focus();
  }

  function show(id: string | undefined): void {
    sidebarOpen.value = false;
    chat.show(id);
    document.getElementById("message")?.focus();
  }

  const content = (
    <div class={sidebarOpen.value ? "chat with-sidebar" : "chat"}>
      <a
        class="skip button"
        href="#message"
        onClick={(event) => {
          event.preventDefault();
          document.getElementById("message")?.focus();
        }}
      >
        Skip to the message box
      </a>
      <Sidebar
        conversations={conversations}
        library={library}
        actions={listActions}
        onNew={() => show(undefined)}
        onFound={(id, messageId) => void find(id, messageId)}
        onLeave={() => (sidebarOpen.value = false)}
      />
      <header class="topbar">
        <button
          class="shade"
          hidden={!sidebarOpen.value}
          aria-label="Close the list"
          onClick={() => (sidebarOpen.value = false)}
        />
        <IconButton
          icon="menu"
          label="Conversations"
          kind="quiet only-narrow"
          aria-expanded={sidebarOpen.value}
          onClick={() => (sidebarOpen.value = !sidebarOpen.value)}
        />
        <div class="grow">
          <WorkerBadge {...{ about, choice, controls }} wanted={current.settings.model} onChoose={useModel} />
        </div>
        <button type="button" class="button quiet" onClick={() => (settingsOpen.value = true)}>
          <Icon name="sliders" />
          <span class="only-wide">Settings</span>
          <span class="visually-hidden only-narrow">Settings</span>
        </button>
        <a class="button icon quiet" href="/status" aria-label="Worker status" title="Worker status">
          <Icon name="pulse" />
        </a>
        <ThemeSwitch />
        <ShortcutKeys
          onEscape={escape}
          on={{
            new: () => show(undefined),
            search,
            focus: () => document.getElementById("message")?.focus(),
            copy: () => withLastAnswer(({ text }) => text !== "" && void copy(text)),
            regenerate: () => withLastAnswer(({ id }) => chat.regenerate(id)),
            settings: page.openSettings,
          }}
        />
      </header>
      <main>
        <h1 class="visually-hidden">{isNew ? "New conversation" : title}</h1>
        <TokenNotice api={api} />
        <SystemLine system={current.settings.system} />
        <StorageNotice trouble={conversations.trouble.value} />
        {reading ? (
          <p class="reading muted">Reading the conversation…</p>
        ) : isNew && noModel ? (
          <NoModel controls={controls} onUse={useModel} />
        ) : isNew ? (
          <Welcome facts={facts} onSend={sendSuggestion} />
        ) : (
          <Transcript key={current.id} conversation={current} />
        )}
        {use !== undefined && <ContextMeter use={use} />}
        <Composer
          key={`composer-${current.id}`}
          live={live}
          reading={reading || noModel}
          placeholder={noModel ? "Download a model first" : "Write a message"}
          draft={drafts.get(draftKey)}
          onDraft={(draft) => drafts.set(draftKey, draft)}
          pending={draftFiles.of(draftKey)}
          sight={sight}
          sentPictures={sentPictures}
          tools={
            <ToolsButton
              servers={mcpServers}
              settings={current.settings}
              facts={facts}
              onChoose={chat.chooseTools}
              onSettings={page.openSettings}
            />
          }
          onSend={chat.send}
          onStop={chat.stop}
        />
        <UndoList deletions={deletions} />
      </main>
      {settingsOpen.value && (
        <SettingsDialog
          key={`settings-${current.id}`}
          api={api}
          presets={presets}
          settings={settings}
          chat={facts?.chat}
          onSave={chat.configure}
          onClose={() => (settingsOpen.value = false)}
        />
      )}
      {compared.value !== undefined && findAnswer(current, compared.value) !== undefined && (
        <CompareDialog
          facts={facts}
          conversation={current}
          answerId={compared.value}
          onClose={() => (compared.value = undefined)}
        />
      )}
      <TokenDialog api={api} />
    </div>
  );
  return <PageContext.Provider value={page}>{content}</PageContext.Provider>;
}
