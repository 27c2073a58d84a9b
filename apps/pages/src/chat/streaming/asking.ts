// Owns the jobs of answers: submits a job, with fewer messages if the context is too small for all, and cancels it.
import type { Api } from "../../wire/api.ts";
import type { Problem } from "../../wire/problem.ts";
import { broken, isLive, revived, type Answer } from "../conversation/answer.ts";
import { assumedCharsPerToken, findAnswer, type Conversation, type Room } from "../conversation/conversation.ts";
import { withOverrides } from "../compare/overrides.ts";
import { sightOf } from "../pictures/sight.ts";
import { factsOf } from "../model/model-facts.ts";
import type { ModelChoice } from "../model/model-choice.ts";
import type { WorkerAbout } from "../model/worker-about.ts";
import type { Conversations } from "../storage/conversations.ts";
import { roomIn, submitJob } from "./submit.ts";

export interface Asking {
  /** Submits the job of an answer in the conversation. @param coming the answer that is superseded if the worker accepts the job */
  ask(conversation: Conversation, answer: Answer, coming: Answer | undefined): void;
  /** Whether the job is on its way to the worker, which has no stream for the job yet. */
  isSubmitting(jobId: string): boolean;
  cancel(answer: Answer): Promise<void>;
  /**
   * Whether the stream ended because the prompt is too long, and the next try can send fewer messages. Only a slow or loading worker reports
   * the length in the stream.
   */
  learnsLength(conversationId: string, answer: Answer): boolean;
}

export interface AskingOptions {
  readonly api: Api;
  readonly conversations: Conversations;
  readonly about: WorkerAbout;
  readonly choice: ModelChoice;
  /** @param problem undefined if the worker accepted the request */
  readonly onAsked: (answer: Answer, problem: Problem | undefined) => void;
}

/** Limit of tries of a cancel that does not reach the worker. After that, the answer runs to its end unread. */
const cancelTries = 3;

/** Tries of a request that a restarted worker continues, and the time between two tries. */
const restartTries = 30;
const restartPauseMs = 1_000;

function isStarting(outcome: Awaited<ReturnType<typeof submitJob>>, { attempt }: Answer): boolean {
  return attempt !== undefined && outcome.kind !== "accepted" && outcome.problem.code === "unavailable";
}

export function createAsking({ api, conversations, about, choice, onAsked }: AskingOptions): Asking {
  /** Characters per token by conversation and model, because the ratio also depends on the language and on tools. */
  const charsPerToken = new Map<string, number>();
  /** Submits in progress, by job id and not by answer id: an answer that is stopped during a submit may get a further job. */
  const submitting = new Map<string, Promise<void>>();
  /** The last submit in progress of each conversation. Submits keep their order, because a session's newer job ends the older one. */
  const lastSubmits = new Map<string, Promise<void>>();
  /** Characters in each job's prompt, until the job ends. */
  const sentChars = new Map<string, number>();

  function ratioKey(conversationId: string, model: string | undefined): string {
    return `${conversationId} ${model ?? ""}`;
  }

  function roomOf(conversationId: string, model: string | undefined): Room {
    const facts = factsOf(model === undefined ? about.info.value : undefined, choice.find(model));
    return {
      sees: sightOf(facts).sees,
      contextTokens: facts?.context_size,
      chat: facts?.chat,
      charsPerToken: charsPerToken.get(ratioKey(conversationId, model)) ?? assumedCharsPerToken,
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
    const send = async (): ReturnType<typeof submitJob> =>
      await submitJob(asked, named, {
        api,
        pictures: conversations.pictures,
        room: roomOf(asked.id, model),
        learn: (learnt) => charsPerToken.set(ratioKey(asked.id, model), learnt.charsPerToken),
      });
    let outcome = await send();
    // A worker that has just been restarted may not know its model yet.
    for (let tries = 1; tries < restartTries && isStarting(outcome, answer); tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, restartPauseMs));
      outcome = await send();
    }
    submitting.delete(answer.jobId);
    if (outcome.kind === "accepted") {
      sentChars.set(answer.jobId, outcome.chars);
      // Another tab may have marked the answer as lost because the submit took too long.
      change((now) => ({ ...(now.phase === "broken" ? revived(now) : now), leftOut: outcome.leftOut }));
    } else {
      const now = findAnswer(conversations.get(asked.id) ?? asked, answer.id);
      // Ignore a refusal after the visitor has stopped the answer or sent the next message.
      if (now !== undefined && isLive(now)) {
        change((current) => broken(current, outcome.problem));
        // A refused message supersedes no answer: the earlier answer continues.
        if (coming !== undefined) conversations.change(asked.id, coming.id, revived);
      }
      if (outcome.problem.code === "unreachable") about.refresh();
    }
    onAsked(answer, outcome.kind === "accepted" ? undefined : outcome.problem);
  }

  return {
    ask(conversation, answer, coming) {
      const { id } = conversation;
      const asked = { ...conversation, settings: withOverrides(conversation.settings, answer.overrides) };
      const submitted = submit(asked, answer, coming, lastSubmits.get(id)).finally(() => {
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
      charsPerToken.set(ratioKey(conversationId, answer.model), learnt.charsPerToken);
      return true;
    },
  };
}
