// Owns the visitor's actions in the chat. Editing and regenerating open a branch, and remove nothing.
import { batch } from "@preact/signals";
import type { Api } from "../wire/api.ts";
import { problemOfEnd, type Problem } from "../wire/problem.ts";
import type { Attachment } from "./attachments/attachment.ts";
import {
  broken,
  canContinue,
  continued,
  editedAnswer,
  isEmpty,
  isLive,
  newAnswer,
  restarted,
  revived,
  stopped,
} from "./conversation/answer.ts";
import type { Answer } from "./conversation/answer.ts";
import { findAnswer, liveAnswer, shownLiveAnswer, shownMessages, titleFor } from "./conversation/conversation.ts";
import type { Conversation, Message, UserMessage } from "./conversation/conversation.ts";
import type { HeadPatch } from "./conversation/merge.ts";
import { newId } from "./conversation/new-id.ts";
import { choicesFor } from "./conversation/message-tree.ts";
import type { Allow } from "./mcp/mcp-step-list.tsx";
import type { McpChoice } from "./mcp/tool-choice.ts";
import type { Overrides } from "./compare/overrides.ts";
import type { ModelChoice } from "./model/model-choice.ts";
import type { WorkerAbout } from "./model/worker-about.ts";
import type { Settings } from "./settings/settings.ts";
import type { Conversations } from "./storage/conversations.ts";
import { createAnswerStream } from "./streaming/answer-stream.ts";
import { createAsking } from "./streaming/asking.ts";
import { createBusyRetry, type BusyRetry } from "./streaming/busy-retry.ts";
import { explainLostJob } from "./streaming/lost-jobs.ts";
import type { ToolResult } from "./tool-calls/tool-calls.ts";

export interface Chat {
  /** Sends a message, which supersedes an answer that still streams. */
  send(text: string, attachments?: readonly Attachment[]): void;
  /** Sends a message again with another text, and with those of its files that stay, on a new branch. */
  resend(messageId: string, text: string, attachments: readonly Attachment[]): void;
  /** Sends the results of an answer's tool calls; on a new branch if results were sent before. */
  giveResults(answerId: string, results: readonly ToolResult[]): void;
  /** Allows or refuses a call that waits for consent. The stream of the answer shows what follows. */
  consent(jobId: string, callId: string, allow: Allow): void;
  /** Requests the answer again, on a new branch unless the answer is empty. @param overrides settings for the new answer only */
  regenerate(answerId: string, overrides?: Overrides): void;
  /** Follows an answer again after its connection was lost: the worker may have continued the answer. */
  reconnect(answerId: string): void;
  /** Lets the model continue an answer that has ended, or answer again if the answer is empty. */
  continue(answerId: string): void;
  readonly busyRetry: Pick<BusyRetry, "waiting">;
  /** Replaces the answer's text, on a new branch. */
  edit(answerId: string, text: string): void;
  /** Shows the branch of a message. */
  choose(messageId: string): void;
  /** Stops the answer that streams on the shown branch. */
  stop(): void;
  /** Shows a conversation, or a new one, on the branch of the message. Resolves when the conversation has been read. */
  show(id: string | undefined, messageId?: string): Promise<void>;
  /** Follows the answers of these conversations again, after this tab was reloaded. */
  resume(ids: readonly string[]): Promise<void>;
  /** Cancels the answer of a conversation that is about to be removed; resolves when it can be removed. */
  abandon(id: string): Promise<void>;
  /** @param asDefault whether new conversations begin with these settings too */
  configure(settings: Settings, asDefault: boolean): void;
  /** Sets the model of this conversation and of new conversations, at a worker with several models. */
  chooseModel(model: string): void;
  /** Sets the MCP tools of this conversation and of new conversations. */
  chooseTools(choice: McpChoice): void;
}

export interface ChatOptions {
  readonly api: Api;
  readonly conversations: Conversations;
  readonly about: WorkerAbout;
  readonly choice: ModelChoice;
}

/** How long a request may be on its way to the worker after its tab was closed or reloaded. */
const submittingMs = 8_000;
const askAgainMs = 1_000;

function mayBeSubmitting({ phase, sentAt, jobSentAt }: Answer): boolean {
  return phase === "sending" && Date.now() - (jobSentAt ?? sentAt) < submittingMs;
}

function sentContent(text: string, attachments: readonly Attachment[]): Pick<UserMessage, "text" | "attachments"> {
  return { text, ...(attachments.length > 0 ? { attachments } : {}) };
}

/** Whether the answer follows a message, which may have been deleted. */
function isAsked({ turns }: Conversation, answer: Answer): boolean {
  return turns.some(({ id, role }) => id === answer.parent && role === "user");
}

export function createChat({ api, conversations, about, choice }: ChatOptions): Chat {
  const busyRetry = createBusyRetry();
  /** Jobs that may have called tools before the worker was restarted. Another job would call them twice, so only the visitor may try again. */
  const restartedJobs = new Set<string>();
  const asking = createAsking({ api, conversations, about, choice, onAsked });
  const answerStream = createAnswerStream({
    api,
    conversations,
    isSubmitting: asking.isSubmitting,
    async onEnd(conversationId, answer, end) {
      if (end.kind === "forgotten" && mayBeSubmitting(answer)) {
        await new Promise((resolve) => setTimeout(resolve, askAgainMs));
        return;
      }
      // The worker was restarted. Its journal has the calls, so the same request continues after them, also when this tab has not seen a call yet.
      const mayCall = conversations.get(conversationId)?.settings.mcpTools !== undefined;
      if (end.kind === "forgotten" && isLive(answer) && mayCall && answer.attempt === undefined) {
        restartedJobs.add(answer.jobId);
        askFor(conversationId, restarted(answer, Date.now()));
        return;
      }
      if (isLive(answer)) {
        const problem = end.kind === "forgotten" ? await explainLostJob(api, answer) : await problemOfEnd(end);
        conversations.change(conversationId, answer.id, (now) =>
          isLive(now) && now.jobId === answer.jobId ? broken(now, problem) : now,
        );
        if (problem.code === "unreachable") about.refresh();
      }
      if (asking.learnsLength(conversationId, answer))
        askFor(conversationId, continued(answer, newId("job"), Date.now()));
    },
  });

  function onAsked(answer: Answer, problem: Problem | undefined): void {
    if (!restartedJobs.has(answer.jobId)) busyRetry.asked(answer, problem);
    answerStream.select();
  }

  /** Requests an answer of the shown conversation with another job: the rest of its text, or the whole answer. */
  function again(answerId: string): void {
    const conversation = conversations.current.peek();
    const answer = findAnswer(conversation, answerId);
    if (answer === undefined || isLive(answer) || !isAsked(conversation, answer)) return;
    if (isEmpty(answer) || canContinue(answer)) askFor(conversation.id, continued(answer, newId("job"), Date.now()));
  }

  /** Adds messages, and requests the last message, which is an answer. */
  function ask(id: string, messages: readonly Message[], patch: HeadPatch = {}): void {
    const answer = messages.at(-1);
    if (answer?.role === "assistant") startJob(id, answer, () => conversations.add(id, messages, patch));
  }

  /** Requests an existing answer with another job. */
  function askFor(id: string, answer: Answer): void {
    startJob(id, answer, () => conversations.change(id, answer.id, () => answer));
  }

  /** Makes all changes in one batch: an effect must not look for the answer's stream before the answer's job counts as submitting. */
  function startJob(id: string, answer: Answer, write: () => void): void {
    answerStream.leave(id);
    const coming = liveAnswer(conversations.get(id) ?? { turns: [] });
    batch(() => {
      if (coming !== undefined && coming.id !== answer.id) conversations.change(id, coming.id, stopped);
      write();
      conversations.add(id, [], { updatedAt: Date.now() });
      const asked = conversations.get(id);
      if (asked !== undefined) asking.ask(asked, answer, coming?.id === answer.id ? undefined : coming);
    });
  }

  /** @param place the message before it, and whether other messages follow that one too */
  function addMessage(
    id: string,
    content: Pick<UserMessage, "text" | "attachments" | "results">,
    { parent, isBranch }: { readonly parent: string | undefined; readonly isBranch: boolean },
  ): void {
    const now = Date.now();
    const message: UserMessage = {
      role: "user",
      id: newId("turn"),
      ...content,
      sentAt: now,
      ...(parent === undefined ? {} : { parent }),
    };
    const answer = newAnswer(newId("turn"), newId("job"), now, message.id);
    ask(id, [message, answer], {
      ...(parent === undefined && conversations.get(id)?.named !== true ? { title: titleFor(message) } : {}),
      ...(isBranch ? { chosen: { [parent ?? ""]: message.id } } : {}),
    });
  }

  /** Changes the settings of this conversation and of new conversations. */
  function changeSettings(change: (settings: Settings) => Settings): void {
    const { id, settings } = conversations.current.peek();
    conversations.saveNewSettings(change(conversations.newSettings.peek()));
    conversations.add(id, [], { settings: change(settings) });
  }

  return {
    send(text, attachments = []) {
      const conversation = conversations.current.peek();
      addMessage(conversation.id, sentContent(text, attachments), {
        parent: shownMessages(conversation).at(-1)?.id,
        isBranch: false,
      });
    },
    resend(messageId, text, attachments) {
      const { id, turns } = conversations.current.peek();
      const message = turns.find((other) => other.id === messageId);
      if (message?.role !== "user") return;
      addMessage(id, sentContent(text, attachments), { parent: message.parent, isBranch: true });
    },
    giveResults(answerId, results) {
      const { id, turns } = conversations.current.peek();
      const isBranch = turns.some(({ parent }) => parent === answerId);
      addMessage(id, { text: "", results }, { parent: answerId, isBranch });
    },
    consent(jobId, callId, allow) {
      const body = JSON.stringify({ call_id: callId, allow });
      // After a failure the question stays, and can be answered again.
      void api.request(`/v1/jobs/${encodeURIComponent(jobId)}/consent`, { method: "POST", body }).catch(() => {});
    },
    regenerate(answerId, overrides) {
      const conversation = conversations.current.peek();
      const answer = findAnswer(conversation, answerId);
      if (answer === undefined || !isAsked(conversation, answer)) return;
      if (overrides === undefined && isEmpty(answer) && !isLive(answer)) return again(answerId);
      const another: Answer = {
        ...newAnswer(newId("turn"), newId("job"), Date.now(), answer.parent),
        ...(overrides === undefined ? {} : { overrides }),
      };
      ask(conversation.id, [another], { chosen: { [answer.parent ?? ""]: another.id } });
    },
    reconnect(answerId) {
      conversations.change(conversations.current.peek().id, answerId, revived);
      answerStream.select();
    },
    continue: again,
    busyRetry,
    edit(answerId, text) {
      const conversation = conversations.current.peek();
      const answer = findAnswer(conversation, answerId);
      if (answer === undefined) return;
      const edited = editedAnswer(newId("turn"), newId("job"), Date.now(), answer, text);
      conversations.add(conversation.id, [edited], {
        updatedAt: Date.now(),
        chosen: { [answer.parent ?? ""]: edited.id },
      });
    },
    choose(messageId) {
      const conversation = conversations.current.peek();
      conversations.add(conversation.id, [], { chosen: choicesFor(conversation.turns, messageId) });
    },
    stop() {
      const conversation = conversations.current.peek();
      if (shownLiveAnswer(conversation) === undefined) return;
      answerStream.leave(conversation.id);
      const coming = shownLiveAnswer(conversations.current.peek());
      if (coming === undefined) return;
      conversations.change(conversation.id, coming.id, stopped);
      void asking.cancel(coming).then(answerStream.select);
    },
    async show(id, messageId) {
      conversations.show(id);
      answerStream.select();
      const conversation = id === undefined ? undefined : await conversations.load(id);
      if (conversation !== undefined && messageId !== undefined) {
        conversations.add(conversation.id, [], { chosen: choicesFor(conversation.turns, messageId) });
      }
      answerStream.select();
    },
    async resume(ids) {
      await Promise.all(ids.map(async (id) => (await conversations.load(id)) && answerStream.watch(id)));
    },
    async abandon(id) {
      const conversation = await conversations.load(id);
      const coming = conversation === undefined ? undefined : liveAnswer(conversation);
      answerStream.leave(id);
      if (coming !== undefined) void asking.cancel(coming);
    },
    configure(settings, asDefault) {
      if (asDefault) conversations.saveNewSettings(settings);
      conversations.add(conversations.current.peek().id, [], { settings });
    },
    chooseModel: (model) => changeSettings((settings) => ({ ...settings, model })),
    chooseTools: (mcpTools) =>
      changeSettings(({ mcpTools: _, ...others }) => ({ ...others, ...(mcpTools === undefined ? {} : { mcpTools }) })),
  };
}
