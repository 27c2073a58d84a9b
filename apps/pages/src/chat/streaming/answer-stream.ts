// Owns the one stream that this tab follows: of the answer in the shown conversation, or else of an answer in another conversation that the tab
// has shown. The stream's events change the answer.
import { computed, effect, untracked } from "@preact/signals";
import { followJob, type FollowEnd } from "@waggle/client/following";
import type { StreamEvent } from "@waggle/protocol";
import type { Api } from "../../wire/api.ts";
import { applyEvent, withReconnecting, type Answer } from "../conversation/answer.ts";
import { liveAnswers } from "../conversation/conversation.ts";
import type { Conversations } from "../storage/conversations.ts";
import { createEventBatch } from "./event-batch.ts";

export interface AnswerStream {
  /** Chooses the answer to follow. */
  select(): void;
  /** Also follows this conversation's answer, after the tab was reloaded. */
  watch(conversationId: string): void;
  /** Stops following this conversation's answer; its text so far stays. */
  leave(conversationId: string): void;
}

export interface AnswerStreamOptions {
  readonly api: Api;
  readonly conversations: Conversations;
  /** Whether the worker has no stream for the job yet. */
  readonly isSubmitting: (jobId: string) => boolean;
  /** Called when the stream has ended, with or without the whole answer. When it resolves, the next answer to follow is chosen. */
  readonly onEnd: (conversationId: string, answer: Answer, end: FollowEnd) => Promise<void>;
}

/** How long another tab may take to submit a job. After that, this tab requests the stream. */
const submittingMs = 35_000;

interface Followed {
  readonly conversationId: string;
  readonly jobId: string;
  leave(): void;
}

export function createAnswerStream({ api, conversations, isSubmitting, onEnd }: AnswerStreamOptions): AnswerStream {
  let followed: Followed | undefined;
  /** Jobs whose stream has ended, until `onEnd` resolves. */
  const ending = new Set<string>();
  /** Conversations that this tab has shown: it follows only their answers. */
  const visited = new Set<string>();

  function select(): void {
    const wanted = [conversations.current.peek(), ...conversations.all()]
      .filter(({ id }) => visited.has(id))
      .flatMap((conversation) => ownFirst(liveAnswers(conversation)).map((answer) => ({ conversation, answer })))
      .find(({ answer }) => isReady(answer));
    if (followed !== undefined && followed.jobId === wanted?.answer.jobId) return;
    followed?.leave();
    followed = undefined;
    if (wanted !== undefined) followed = follow(wanted.conversation.id, wanted.answer);
  }

  /** Sorts answers that this tab requested first. If two tabs sent a message at the same moment, each tab follows its own answer. */
  function ownFirst(answers: readonly Answer[]): readonly Answer[] {
    const isOther = ({ jobId }: Answer): number => (conversations.sentElsewhere(jobId) ? 1 : 0);
    return answers.toSorted((a, b) => isOther(a) - isOther(b));
  }

  /** Whether the worker should have the job. */
  function isReady(answer: Answer): boolean {
    if (isSubmitting(answer.jobId) || ending.has(answer.jobId)) return false;
    if (answer.phase !== "sending" || !conversations.sentElsewhere(answer.jobId)) return true;
    const restMs = submittingMs - (Date.now() - (answer.jobSentAt ?? answer.sentAt));
    if (restMs > 0) setTimeout(select, restMs);
    return restMs <= 0;
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
      request: api.request,
      jobId,
      after: lastIndex,
      signal: leaving.signal,
      onEvent: (event) => batch.add(event as StreamEvent),
      onConnection: (retryAt) => change((answer) => withReconnecting(answer, retryAt)),
    }).then(async (end) => {
      if (leaving.signal.aborted) return;
      batch.flush();
      followed = undefined;
      ending.add(jobId);
      const answer = conversations.get(conversationId)?.turns.find(({ id }) => id === answerId);
      if (answer?.role === "assistant" && answer.jobId === jobId) await onEnd(conversationId, answer, end);
      ending.delete(jobId);
      select();
    });
    return {
      conversationId,
      jobId,
      leave() {
        batch.flush();
        leaving.abort();
        change((answer) => withReconnecting(answer, undefined));
      },
    };
  }

  effect(() => {
    visited.add(conversations.current.value.id);
  });
  // Includes answers that other tabs requested: this tab follows such an answer as soon as the worker has its job.
  const coming = computed(() =>
    liveAnswers(conversations.current.value)
      .map(({ jobId, phase }) => `${jobId} ${phase === "sending"}`)
      .join(" "),
  );
  effect(() => {
    if (coming.value !== "") untracked(select);
  });

  return {
    select,
    watch(conversationId) {
      visited.add(conversationId);
      select();
    },
    leave(conversationId) {
      if (followed?.conversationId !== conversationId) return;
      followed.leave();
      followed = undefined;
    },
  };
}
