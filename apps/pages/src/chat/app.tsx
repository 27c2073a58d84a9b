// Owns the chat page's frame: the list of conversations, the top bar, the transcript and the message box, with the short lines between them.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import { deferred } from "../models/deferred.tsx";
import { copy } from "../parts/copy-button.tsx";
import { formatCount, formatShare } from "../parts/format.ts";
import { Button, Icon, IconButton } from "../parts/icons.tsx";
import { ThemeSwitch } from "../parts/theme-switch.tsx";
import { TokenDialog, TokenNotice } from "../parts/token-dialog.tsx";
import { isLive, type Answer } from "./conversation/answer.ts";
import { CompareDialog } from "./compare/compare-dialog.tsx";
import { Composer } from "./composer/composer.tsx";
import { contextUse, type ContextUse } from "./conversation/context-use.ts";
import { findAnswer, shownLiveAnswer, shownMessages } from "./conversation/conversation.ts";
import { newDraftKey, noDraft } from "./composer/drafts.ts";
import { canChat } from "./model/model-choice.ts";
import { PageContext, usePage, type Page, type PageParts } from "./page.ts";
import { ShortcutKeys } from "./shortcuts/shortcut-keys.tsx";
import { factsOf } from "./model/model-facts.ts";
import { Sidebar } from "./sidebar/sidebar.tsx";
import { StorageNotice } from "./storage/storage-notice.tsx";
import { Transcript } from "./transcript/transcript.tsx";
import { Welcome } from "./model/welcome.tsx";
import { WorkerBadge } from "./model/worker-badge.tsx";

const SettingsDialog = deferred(async () => (await import("./settings/settings-dialog.tsx")).SettingsDialog);
const NoModel = deferred(async () => (await import("./model/no-model.tsx")).NoModel);

export function App(parts: PageParts): VNode {
  const { chat, conversations, about, choice, controls, drafts, draftFiles } = parts;
  const sidebarOpen = useSignal(false);
  const settingsOpen = useSignal(false);
  const compared = useSignal<string | undefined>(undefined);
  const current = conversations.current.value;
  const answer = findAnswer(current, compared.value ?? "");
  const title = current.title;
  const facts = factsOf(about.info.value, choice.chosen(current.settings.model));
  const use = contextUse(shownMessages(current), facts?.context_size);
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
      ...parts,
      openSettings: () => (settingsOpen.value = true),
      chooseModel(model) {
        chat.chooseModel(model);
        focusMessage();
      },
      compare: (answerId) => (compared.value = answerId),
      show,
    }),
    [],
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

  function show(id: string | undefined, messageId?: string): void {
    sidebarOpen.value = false;
    const shown = chat.show(id, messageId);
    if (messageId === undefined) focusMessage();
    else void shown.then(() => pointAt(messageId));
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

  const content = (
    <div class={sidebarOpen.value ? "chat with-sidebar" : "chat"}>
      <a
        class="skip button"
        href="#message"
        onClick={(event) => {
          event.preventDefault();
          focusMessage();
        }}
      >
        Skip to the message box
      </a>
      <Sidebar onLeave={() => (sidebarOpen.value = false)} />
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
          <WorkerBadge />
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
            focus: focusMessage,
            copy: () => withLastAnswer(({ text }) => text !== "" && void copy(text)),
            regenerate: () => withLastAnswer(({ id }) => chat.regenerate(id)),
            settings: page.openSettings,
          }}
        />
      </header>
      <main>
        <h1 class="visually-hidden">{isNew ? "New conversation" : title}</h1>
        <TokenNotice api={parts.api} />
        <SystemLine system={current.settings.system} />
        <StorageNotice trouble={conversations.trouble.value} />
        {reading ? (
          <p class="reading muted">Reading the conversation…</p>
        ) : isNew && noModel ? (
          <NoModel />
        ) : isNew ? (
          <Welcome facts={facts} onSend={sendSuggestion} />
        ) : (
          <Transcript key={current.id} conversation={current} />
        )}
        {use !== undefined && <ContextMeter use={use} />}
        <Composer key={`composer-${current.id}`} conversation={current} {...{ draftKey, facts, noModel }} />
        <UndoList />
      </main>
      {settingsOpen.value && (
        <SettingsDialog
          key={`settings-${current.id}`}
          abilities={facts?.chat}
          onClose={() => (settingsOpen.value = false)}
        />
      )}
      {answer !== undefined && (
        <CompareDialog {...{ answer, facts, conversation: current }} onClose={() => (compared.value = undefined)} />
      )}
      <TokenDialog api={parts.api} />
    </div>
  );
  return <PageContext.Provider value={page}>{content}</PageContext.Provider>;
}

function focusMessage(): void {
  document.getElementById("message")?.focus();
}

function ContextMeter({ use }: { readonly use: ContextUse }): VNode {
  const words = `${formatCount(use.used)} of ${formatCount(use.total)} tokens`;
  return (
    <div class="context-line small" data-nearly-full={use.warning !== undefined}>
      <div class="row">
        <span class="muted">Context</span>
        <meter
          min={0}
          max={use.total}
          high={use.total * 0.8}
          optimum={0}
          value={Math.min(use.used, use.total)}
          aria-label="Context used"
        >
          {formatShare(use.share)}
        </meter>
        <span class="muted numbers">{`${words} (${formatShare(use.share)})`}</span>
      </div>
      {use.warning !== undefined && <p role="status">{use.warning}</p>}
    </div>
  );
}

/** The beginning of the system prompt. It opens the settings on a click. */
function SystemLine({ system }: { readonly system: string }): VNode | null {
  const page = usePage();
  const text = system.trim().replaceAll(/\s+/g, " ");
  if (text === "") return null;
  return (
    <button type="button" class="system-line small muted" title="Change it in Settings" onClick={page.openSettings}>
      <span class="strong">System prompt:</span> <span class="system-text">{text}</span>
    </button>
  );
}

/** How long a message is marked after a search has shown it. */
const markedMs = 3_000;

/** Scrolls to a message of the shown conversation, and marks it. */
function pointAt(messageId: string): void {
  // Two frames later, the transcript is drawn and has scrolled to its end.
  requestAnimationFrame(() =>
    requestAnimationFrame(() => {
      const message = document.querySelector<HTMLElement>(`[data-turn="${CSS.escape(messageId)}"]`);
      if (message === null) return;
      message.scrollIntoView({ block: "center" });
      message.classList.add("pointed");
      setTimeout(() => message.classList.remove("pointed"), markedMs);
    }),
  );
}

/** The conversations and messages that were just deleted. */
function UndoList(): VNode {
  const { undoable, undo } = usePage().deletions;
  return (
    <ul class="undo-list" aria-live="polite">
      {undoable.value.map(({ id, title }) => (
        <li key={id} class="spread">
          <span class="small cut">{`Deleted “${title}”`}</span>
          <Button label="Undo" onClick={() => undo(id)} />
        </li>
      ))}
    </ul>
  );
}
