// Owns asking the worker for an answer: the job is handed over, with less of the conversation where its context is too small for all of it, and
// taken back when it is cancelled.
import type { Api } from "../wire/api.ts";
import { broken, isLive, revived } from "./answer.ts";
import type { Answer } from "./answer.ts";
import { assumedCharsPerToken, findAnswer } from "./conversation.ts";
import type { Conversation, Room } from "./conversation.ts";
import type { Conversations } from "./conversations.ts";
import type { ModelChoice } from "./model-choice.ts";
import { roomIn, submitJob } from "./submit.ts";
import type { WorkerAbout } from "./worker-about.ts";

export interface Asking {
  /** Hands over the job of an answer that the conversation has. @param coming what it supersedes, if it is taken */
  ask(conversation: Conversation, answer: Answer, coming: Answer | undefined): void;
  /** On its way to the worker, which has no stream for it yet. */
  isSubmitting(jobId: string): boolean;
  cancel(answer: Answer): Promise<void>;
  /**
   * Whether the answer has just been refused in its stream for its length, and less can be sent: a worker that was still loading, or slow to
   * look, tells it there.
   */
  learnsLength(conversationId: string, answer: Answer): boolean;
}

export interface AskingOptions {
  readonly api: Api;
  readonly conversations: Conversations;
  readonly about: WorkerAbout;
  readonly choice: ModelChoice;
  readonly onAsked: () => void;
}

/** A Stop that does not get through is tried again; after that the worker's answer runs out unseen. */
const cancelTries = 3;

export function createAsking({ api, conversations, about, choice, onAsked }: AskingOptions): Asking {
  /** By conversation and model: texts in another language, or without tools, are counted differently. */
  const charsPerToken = new Map<string, number>();
  /** By job: an answer whose job was stopped on its way may have a further one behind it. */
  const submitting = new Map<string, Promise<void>>();
  /** By conversation, the last one that is on its way: of two jobs the worker would end the one that arrives first. */
  const lastSubmits = new Map<string, Promise<void>>();
  /** How much text each job was sent with, until it ends. */
  const sentChars = new Map<string, number>();

  function keyOf(conversationId: string, model: string | undefined): string {
    return `${conversationId} ${model ?? ""}`;
  }

  function roomOf(conversationId: string, model: string | undefined): Room {
    const facts = model === undefined ? about.info.value : choice.find(model);
    return {
      contextTokens: facts?.context_size,
      chat: facts?.chat,
      charsPerToken: charsPerToken.get(keyOf(conversationId, model)) ?? assumedCharsPerToken,
    };
  }

  async function submit(
    asked: Conversation,
    answer: Answer,
    coming: Answer | undefined,
    before: Promise<void> | undefined,
  ): Promise<void> {
    await before;
    const model = await choice.toAsk(asked.settings.model);
    const named = model === undefined ? answer : { ...answer, model };
    const change = (how: (answer: Answer) => Answer): void =>
      conversations.change(asked.id, answer.id, (now) => (now.jobId === answer.jobId ? how(now) : now));
    if (model !== undefined) change((now) => ({ ...now, model }));
    const outcome = await submitJob(api, asked, named, roomOf(asked.id, model), (learnt) =>
      charsPerToken.set(keyOf(asked.id, model), learnt.charsPerToken),
    );
    submitting.delete(answer.jobId);
    if (outcome.kind === "accepted") {
      sentChars.set(answer.jobId, outcome.chars);
      // Another tab, which saw it on its way for too long, may have called it lost.
      change((now) => ({ ...(now.phase === "broken" ? revived(now) : now), leftOut: outcome.leftOut }));
    } else {
      const now = findAnswer(conversations.get(asked.id) ?? asked, answer.id);
      // Where the visitor has stopped it or sent the next one meanwhile, its refusal is nobody's business any more.
      if (now !== undefined && isLive(now)) {
        change((current) => broken(current, outcome.problem));
        // A refused message disturbs nobody: the answer that it meant to supersede goes on.
        if (coming !== undefined) conversations.change(asked.id, coming.id, revived);
      }
      if (outcome.problem.code === "unreachable") about.refresh();
    }
    onAsked();
  }

  return {
    ask(conversation, answer, coming) {
      const { id } = conversation;
      const submitted = submit(conversation, answer, coming, lastSubmits.get(id)).finally(() => {
        if (lastSubmits.get(id) === submitted) lastSubmits.delete(id);
      });
      submitting.set(answer.jobId, submitted);
      lastSubmits.set(id, submitted);
    },
    isSubmitting: (jobId) => submitting.has(jobId),
    async cancel(answer) {
      await submitting.get(answer.jobId);
      for (let tries = 1; tries <= cancelTries; tries++) {
        const cancelled = await api
          .request(`/v1/jobs/${encodeURIComponent(answer.jobId)}`, { method: "DELETE" })
          .then(({ status }) => status < 500)
          .catch(() => false);
        if (cancelled) return;
      }
    },
    learnsLength(conversationId, answer) {
      const chars = sentChars.get(answer.jobId) ?? 0;
      sentChars.delete(answer.jobId);
      const learnt = answer.problem === undefined ? undefined : roomIn(answer.problem, chars);
      if (learnt === undefined || learnt.charsPerToken >= roomOf(conversationId, answer.model).charsPerToken)
        return false;
      charsPerToken.set(keyOf(conversationId, answer.model), learnt.charsPerToken);
      return true;
    },
  };
}
