// Owns what a visitor can do in the chat, and the one stream that this tab follows: that of the conversation it shows, if one is coming.
import { effect } from "@preact/signals";
import type { StreamEvent } from "@waggle/protocol";
import type { Api } from "../wire/api.ts";
import { followJob, problemOfEnd } from "../wire/follow-job.ts";
import { applyEvent, broken, isLive, newAnswer, revived, stopped, withReconnecting } from "./answer.ts";
import type { Answer } from "./answer.ts";
import type { Attachment } from "./attachments/attachment.ts";
import { assumedCharsPerToken, findAnswer, liveAnswer } from "./conversation.ts";
import type { Conversation, Room, Settings, Turn } from "./conversation.ts";
import type { Conversations } from "./conversations.ts";
import { createEventBatch } from "./event-batch.ts";
import { newId } from "./ids.ts";
import type { ModelChoice } from "./model-choice.ts";
import type { ConversationStorage } from "./storage.ts";
import { roomIn, submitJob } from "./submit.ts";
import type { WorkerAbout } from "./worker-about.ts";

export interface Chat {
  /** Sends a message; an answer that is still coming is superseded. */
  send(text: string, attachments?: readonly Attachment[]): void;
  /** Replaces what was written in a message of the visitor, and everything after it; its files stay. */
  resend(turnId: string, text: string): void;
  /** Answers again; one whose connection was lost is taken up where it broke off, if the worker still has it. */
  retry(answerId: string): void;
  stop(): void;
  show(id: string | undefined): void;
  remove(id: string): void;
  configure(settings: Settings): void;
  /** Of the models of a worker that has several: the one that answers here from now on, and in new conversations. */
  choose(model: string): void;
}

export interface ChatOptions {
  readonly api: Api;
  readonly conversations: Conversations;
  readonly about: WorkerAbout;
  readonly choice: ModelChoice;
  readonly storage: Pick<ConversationStorage, "loadSettings" | "saveSettings">;
}

interface Followed {
  readonly conversationId: string;
  readonly answerId: string;
  readonly jobId: string;
  /** Ends the following; what has come is kept. */
  leave(): void;
}

/** A Stop that does not get through is tried again; after that the worker's answer runs out unseen. */
const cancelTries = 3;

export function createChat({ api, conversations, about, choice, storage }: ChatOptions): Chat {
  let followed: Followed | undefined;
  /** By model; of a worker that has one, under no name. */
  const charsPerToken = new Map<string | undefined, number>();
  /** Answers on their way to the worker, which has no stream for them yet. */
  const submitting = new Map<string, Promise<void>>();
  /** Answers whose lost connection the visitor wants taken up again. */
  const resumed = new Set<string>();
  /** How much text each job was sent with, until it ends. */
  const sentChars = new Map<string, number>();
  /** Conversations that this tab has shown: only their answers are its business. */
  const visited = new Set<string>();

  function roomOf(model: string | undefined): Room {
    return {
      contextTokens: model === undefined ? about.info.value?.context_size : choice.find(model)?.context_size,
      charsPerToken: charsPerToken.get(model) ?? assumedCharsPerToken,
    };
  }

  /** Follows the stream of the shown conversation or, when none is coming there, that of another one that was left while it came. */
  function attend(): void {
    const wanted = [conversations.current.peek(), ...conversations.all.peek()]
      .filter(({ id }) => visited.has(id))
      .map((conversation) => ({ conversation, answer: liveAnswer(conversation) }))
      .find(({ answer }) => answer !== undefined && !submitting.has(answer.id));
    if (followed !== undefined && followed.jobId === wanted?.answer?.jobId) return;
    followed?.leave();
    followed = undefined;
    if (wanted?.answer !== undefined) followed = follow(wanted.conversation.id, wanted.answer);
  }

  function follow(conversationId: string, { id: answerId, jobId, lastIndex }: Answer): Followed {
    const leaving = new AbortController();
    const change = (how: (answer: Answer) => Answer): void =>
      conversations.change(conversationId, answerId, (answer) => (answer.jobId === jobId ? how(answer) : answer));
    const batch = createEventBatch((events) => {
      const now = Date.now();
      change((answer) => events.reduce((sum: Answer, event: StreamEvent) => applyEvent(sum, event, now), answer));
    });
    void followJob({
      api,
      jobId,
      after: lastIndex,
      signal: leaving.signal,
      onEvent: batch.add,
      onConnection: (state) => change((answer) => withReconnecting(answer, state === "lost")),
    }).then((end) => {
      if (leaving.signal.aborted) return;
      batch.flush();
      change((answer) => (isLive(answer) ? broken(answer, problemOfEnd(end)) : answer));
      followed = undefined;
      const gone = end.kind === "forgotten" && resumed.has(answerId);
      resumed.delete(answerId);
      if (end.kind === "lost") about.refresh();
      if (gone || tooLong(conversationId, answerId)) again(conversationId, answerId);
      else attend();
    });
    return {
      conversationId,
      answerId,
      jobId,
      leave() {
        batch.flush();
        leaving.abort();
        change((answer) => withReconnecting(answer, false));
      },
    };
  }

  /** A worker that was still loading, or slow to look, tells in the stream that the prompt is too long: then less of it is sent. */
  function tooLong(conversationId: string, answerId: string): boolean {
    const conversation = conversations.get(conversationId);
    const answer = conversation === undefined ? undefined : findAnswer(conversation, answerId);
    if (answer === undefined) return false;
    const chars = sentChars.get(answer.jobId) ?? 0;
    sentChars.delete(answer.jobId);
    const learnt = answer.problem === undefined ? undefined : roomIn(answer.problem, chars);
    if (learnt === undefined || learnt.charsPerToken >= roomOf(answer.model).charsPerToken) return false;
    charsPerToken.set(answer.model, learnt.charsPerToken);
    return true;
  }

  /** Appends an answer to what `turnsBefore` keeps of the conversation, and asks the worker for it. */
  function ask(conversationId: string, turnsBefore: (turns: readonly Turn[]) => readonly Turn[]): void {
    leave(conversationId);
    const conversation = conversations.get(conversationId);
    if (conversation === undefined) return;
    const coming = liveAnswer(conversation);
    const answer = newAnswer(newId("turn"), newId("job"), Date.now());
    const kept = turnsBefore(conversation.turns).map((turn) => (turn.id === coming?.id ? stopped(coming) : turn));
    const asked = { ...conversation, updatedAt: Date.now(), turns: [...kept, answer] };
    conversations.put(asked);
    submitting.set(answer.id, submit(asked, answer, coming));
  }

  async function submit(asked: Conversation, answer: Answer, coming: Answer | undefined): Promise<void> {
    const model = await choice.toAsk(asked.settings.model);
    const named = model === undefined ? answer : { ...answer, model };
    if (model !== undefined) conversations.change(asked.id, answer.id, (now) => ({ ...now, model }));
    const outcome = await submitJob(api, asked, named, roomOf(model), (learnt) =>
      charsPerToken.set(model, learnt.charsPerToken),
    );
    submitting.delete(answer.id);
    if (outcome.kind === "accepted") {
      sentChars.set(answer.jobId, outcome.chars);
      conversations.change(asked.id, answer.id, (now) => ({ ...now, leftOut: outcome.leftOut }));
    } else {
      const now = findAnswer(conversations.get(asked.id) ?? asked, answer.id);
      // Where the visitor has stopped it or sent the next one meanwhile, its refusal is nobody's business any more.
      if (now !== undefined && isLive(now)) {
        conversations.change(asked.id, answer.id, (current) => broken(current, outcome.problem));
        // A refused message disturbs nobody: the answer that it meant to supersede goes on.
        if (coming !== undefined) conversations.change(asked.id, coming.id, revived);
      }
      if (outcome.problem.code === "unreachable") about.refresh();
    }
    attend();
  }

  /** Answers once more, in the place of this answer. */
  function again(conversationId: string, answerId: string): void {
    ask(conversationId, (turns) => turns.slice(0, indexOf(turns, answerId)));
  }

  /** Stops following this conversation's answer; what has come is kept. */
  function leave(conversationId: string): void {
    if (followed?.conversationId !== conversationId) return;
    followed.leave();
    followed = undefined;
  }

  async function cancel(answer: Answer): Promise<void> {
    await submitting.get(answer.id);
    for (let tries = 1; tries <= cancelTries; tries++) {
      const cancelled = await api
        .request(`/v1/jobs/${encodeURIComponent(answer.jobId)}`, { method: "DELETE" })
        .then(({ status }) => status < 500)
        .catch(() => false);
      if (cancelled) return;
    }
  }

  effect(() => {
    visited.add(conversations.current.value.id);
  });

  return {
    send(text, attachments = []) {
      const turn: Turn = { role: "user", id: newId("turn"), text, ...(attachments.length > 0 ? { attachments } : {}) };
      ask(conversations.current.peek().id, (turns) => [...turns, turn]);
    },
    resend(turnId, text) {
      const conversation = conversations.current.peek();
      const replaced = conversation.turns.find(({ id }) => id === turnId);
      const attachments = replaced?.role === "user" ? replaced.attachments : undefined;
      const turn: Turn = {
        role: "user",
        id: newId("turn"),
        text,
        ...(attachments === undefined ? {} : { attachments }),
      };
      ask(conversation.id, (turns) => [...turns.slice(0, indexOf(turns, turnId)), turn]);
    },
    retry(answerId) {
      const conversation = conversations.current.peek();
      const answer = findAnswer(conversation, answerId);
      if (answer?.problem?.code !== "unreachable" || answer.lastIndex < 0) return again(conversation.id, answerId);
      // The worker may have gone on without us.
      resumed.add(answerId);
      conversations.change(conversation.id, answerId, revived);
      attend();
    },
    stop() {
      const conversation = conversations.current.peek();
      leave(conversation.id);
      const coming = liveAnswer(conversations.current.peek());
      if (coming === undefined) return;
      conversations.change(conversation.id, coming.id, stopped);
      void cancel(coming).then(attend);
    },
    show(id) {
      conversations.show(id);
      attend();
    },
    remove(id) {
      const conversation = conversations.get(id);
      const coming = conversation === undefined ? undefined : liveAnswer(conversation);
      leave(id);
      conversations.remove(id);
      if (coming !== undefined) void cancel(coming);
      attend();
    },
    configure(settings) {
      storage.saveSettings(settings);
      conversations.put({ ...conversations.current.peek(), settings });
    },
    choose(model) {
      const conversation = conversations.current.peek();
      storage.saveSettings({ ...storage.loadSettings(), model });
      conversations.put({ ...conversation, settings: { ...conversation.settings, model } });
    },
  };
}

/** Of the end when it is not there. */
function indexOf(turns: readonly Turn[], turnId: string): number {
  const index = turns.findIndex(({ id }) => id === turnId);
  return index < 0 ? turns.length : index;
}
