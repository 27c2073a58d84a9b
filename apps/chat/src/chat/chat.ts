// Owns what a visitor can do in the chat. Nothing here removes what somebody has written or got: who edits or asks again opens a branch.
import { batch } from "@preact/signals";
import type { Api } from "../wire/api.ts";
import { problemOfEnd } from "../wire/follow-job.ts";
import {
  broken,
  canContinue,
  continued,
  editedAnswer,
  isEmpty,
  isLive,
  newAnswer,
  revived,
  stopped,
} from "./answer.ts";
import type { Answer } from "./answer.ts";
import { createAsking } from "./asking.ts";
import type { Attachment } from "./attachments/attachment.ts";
import { findAnswer, liveAnswer, shownLiveAnswer, shownTurns, titleFor } from "./conversation.ts";
import type { Turn, UserTurn } from "./conversation.ts";
import type { Conversations } from "./conversations.ts";
import { createFollower } from "./follower.ts";
import { whyGone } from "./gone.ts";
import { newId } from "./ids.ts";
import type { HeadPatch } from "./merge.ts";
import type { ModelChoice } from "./model-choice.ts";
import type { ToolResult } from "./tool-calls/tool-calls.ts";
import { choicesFor } from "./turn-tree.ts";
import type { WorkerAbout } from "./worker-about.ts";
import type { Settings } from "./settings/settings.ts";

export interface Chat {
  /** Sends a message; an answer that is still coming is superseded. */
  send(text: string, attachments?: readonly Attachment[]): void;
  /** Says something else in the place of a message, on a branch of its own; its files stay. */
  resend(turnId: string, text: string): void;
  /** Says what the calls of an answer gave; where that has been said already, on a branch of its own. */
  giveResults(answerId: string, results: readonly ToolResult[]): void;
  /** Answers again, on a branch of its own where there is something of the answer to keep. */
  regenerate(answerId: string): void;
  /** Takes an answer up again whose connection was lost: the worker may have gone on. */
  reconnect(answerId: string): void;
  /** Lets the model go on with an answer that has ended. */
  continue(answerId: string): void;
  /** Has the model say something else, on a branch of its own. */
  edit(answerId: string, text: string): void;
  /** Shows the branch that a turn is on. */
  choose(turnId: string): void;
  /** Stops what comes on the branch that is shown. */
  stop(): void;
  show(id: string | undefined): void;
  /** Shows a conversation at one of its turns. */
  showTurn(id: string, turnId: string): Promise<void>;
  /** Goes on following the answers of these, which this tab did before it was loaded again. */
  resume(ids: readonly string[]): Promise<void>;
  /** Nobody wants the answer of a conversation that is to be removed; resolves when it may be. */
  abandon(id: string): Promise<void>;
  /** @param asDefault new conversations begin with them too */
  configure(settings: Settings, asDefault: boolean): void;
  /** Of the models of a worker that has several: the one that answers here from now on, and in new conversations. */
  chooseModel(model: string): void;
}

export interface ChatOptions {
  readonly api: Api;
  readonly conversations: Conversations;
  readonly about: WorkerAbout;
  readonly choice: ModelChoice;
}

/** A tab that was closed or loaded again while it sent a message may yet have got it through. */
const onItsWayMs = 8_000;
const askAgainMs = 1_000;

interface Place {
  readonly parent: string | undefined;
  readonly isBranch: boolean;
}

function mayBeOnItsWay({ phase, sentAt, jobSentAt }: Answer): boolean {
  return phase === "sending" && Date.now() - (jobSentAt ?? sentAt) < onItsWayMs;
}

export function createChat({ api, conversations, about, choice }: ChatOptions): Chat {
  const asking = createAsking({ api, conversations, about, choice, onAsked: () => follower.attend() });
  const follower = createFollower({
    api,
    conversations,
    isSubmitting: asking.isSubmitting,
    async onEnd(conversationId, answer, end) {
      if (end.kind === "forgotten" && mayBeOnItsWay(answer)) {
        await new Promise((resolve) => setTimeout(resolve, askAgainMs));
        return;
      }
      if (isLive(answer)) {
        const problem = end.kind === "forgotten" ? await whyGone(api, answer) : problemOfEnd(end);
        conversations.change(conversationId, answer.id, (now) =>
          isLive(now) && now.jobId === answer.jobId ? broken(now, problem) : now,
        );
        if (problem.code === "unreachable") about.refresh();
      }
      if (asking.learnsLength(conversationId, answer))
        askFor(conversationId, continued(answer, newId("job"), Date.now()));
    },
  });

  /** Adds turns of which the last is an answer that the worker is to give. */
  function ask(id: string, turns: readonly Turn[], patch: HeadPatch = {}): void {
    const answer = turns.at(-1);
    if (answer?.role === "assistant") handOver(id, answer, () => conversations.add(id, turns, patch));
  }

  /** Gives an answer that is there a further job. */
  function askFor(id: string, answer: Answer): void {
    handOver(id, answer, () => conversations.change(id, answer.id, () => answer));
  }

  /** In one go, so that nobody looks for the answer's stream before it is known to be on its way. */
  function handOver(id: string, answer: Answer, lay: () => void): void {
    follower.leave(id);
    const coming = liveAnswer(conversations.get(id) ?? { turns: [] });
    batch(() => {
      if (coming !== undefined && coming.id !== answer.id) conversations.change(id, coming.id, stopped);
      lay();
      conversations.add(id, [], { updatedAt: Date.now() });
      const asked = conversations.get(id);
      if (asked !== undefined) asking.ask(asked, answer, coming?.id === answer.id ? undefined : coming);
    });
  }

  /** @param place what the message follows, and whether it stands beside others there */
  function say(id: string, said: Pick<UserTurn, "text" | "attachments" | "results">, place: Place): void {
    const { parent, isBranch } = place;
    const now = Date.now();
    const message: UserTurn = {
      role: "user",
      id: newId("turn"),
      ...said,
      sentAt: now,
      ...(parent === undefined ? {} : { parent }),
    };
    const answer = newAnswer(newId("turn"), newId("job"), now, message.id);
    ask(id, [message, answer], {
      ...(parent === undefined && conversations.get(id)?.named !== true ? { title: titleFor(message) } : {}),
      ...(isBranch ? { chosen: { [parent ?? ""]: message.id } } : {}),
    });
  }

  return {
    send(text, attachments = []) {
      const conversation = conversations.current.peek();
      const said = { text, ...(attachments.length > 0 ? { attachments } : {}) };
      say(conversation.id, said, { parent: shownTurns(conversation).at(-1)?.id, isBranch: false });
    },
    resend(turnId, text) {
      const { id, turns } = conversations.current.peek();
      const turn = turns.find((other) => other.id === turnId);
      if (turn?.role !== "user") return;
      const { attachments, parent } = turn;
      say(id, { text, ...(attachments === undefined ? {} : { attachments }) }, { parent, isBranch: true });
    },
    giveResults(answerId, results) {
      const { id, turns } = conversations.current.peek();
      const isBranch = turns.some(({ parent }) => parent === answerId);
      say(id, { text: "", results }, { parent: answerId, isBranch });
    },
    regenerate(answerId) {
      const conversation = conversations.current.peek();
      const answer = findAnswer(conversation, answerId);
      if (answer === undefined) return;
      if (isEmpty(answer) && !isLive(answer)) {
        askFor(conversation.id, continued(answer, newId("job"), Date.now()));
        return;
      }
      const again = newAnswer(newId("turn"), newId("job"), Date.now(), answer.parent);
      ask(conversation.id, [again], { chosen: { [answer.parent ?? ""]: again.id } });
    },
    reconnect(answerId) {
      conversations.change(conversations.current.peek().id, answerId, revived);
      follower.attend();
    },
    continue(answerId) {
      const conversation = conversations.current.peek();
      const answer = findAnswer(conversation, answerId);
      if (answer === undefined || !canContinue(answer)) return;
      askFor(conversation.id, continued(answer, newId("job"), Date.now()));
    },
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
    choose(turnId) {
      const conversation = conversations.current.peek();
      conversations.add(conversation.id, [], { chosen: choicesFor(conversation.turns, turnId) });
    },
    stop() {
      const conversation = conversations.current.peek();
      if (shownLiveAnswer(conversation) === undefined) return;
      follower.leave(conversation.id);
      const coming = shownLiveAnswer(conversations.current.peek());
      if (coming === undefined) return;
      conversations.change(conversation.id, coming.id, stopped);
      void asking.cancel(coming).then(follower.attend);
    },
    show(id) {
      conversations.show(id);
      follower.attend();
      if (id !== undefined) void conversations.load(id).then(follower.attend);
    },
    async showTurn(id, turnId) {
      conversations.show(id);
      const conversation = await conversations.load(id);
      if (conversation !== undefined) conversations.add(id, [], { chosen: choicesFor(conversation.turns, turnId) });
      follower.attend();
    },
    async resume(ids) {
      await Promise.all(ids.map(async (id) => (await conversations.load(id)) && follower.watch(id)));
    },
    async abandon(id) {
      const conversation = await conversations.load(id);
      const coming = conversation === undefined ? undefined : liveAnswer(conversation);
      follower.leave(id);
      if (coming !== undefined) void asking.cancel(coming);
    },
    configure(settings, asDefault) {
      if (asDefault) conversations.saveNewSettings(settings);
      conversations.add(conversations.current.peek().id, [], { settings });
    },
    chooseModel(model) {
      const { id, settings } = conversations.current.peek();
      conversations.saveNewSettings({ ...conversations.newSettings.peek(), model });
      conversations.add(id, [], { settings: { ...settings, model } });
    },
  };
}
