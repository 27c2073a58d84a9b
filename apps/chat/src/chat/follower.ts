// Owns the one stream that this tab follows: that of the conversation it shows, if an answer is coming there, else that of another one that it
// has shown. What arrives is laid into the answer.
import { computed, effect, untracked } from "@preact/signals";
import type { StreamEvent } from "@waggle/protocol";
import type { Api } from "../wire/api.ts";
import { followJob } from "../wire/follow-job.ts";
import type { FollowEnd } from "../wire/follow-job.ts";
import { applyEvent, withReconnecting } from "./answer.ts";
import type { Answer } from "./answer.ts";
import { liveAnswers } from "./conversation.ts";
import type { Conversations } from "./conversations.ts";
import { createEventBatch } from "./event-batch.ts";

export interface Follower {
  /** Looks again for what there is to follow. */
  attend(): void;
  /** This conversation's answer is this tab's business too: it was so before the page was loaded again. */
  watch(conversationId: string): void;
  /** Stops following this conversation's answer; what has come is kept. */
  leave(conversationId: string): void;
}

export interface FollowerOptions {
  readonly api: Api;
  readonly conversations: Conversations;
  /** Jobs that the worker has no stream for yet. */
  readonly isSubmitting: (jobId: string) => boolean;
  /** The stream is over, whether the answer is or not. Then the follower looks for the next one, unless it is told to do so later. */
  readonly onEnd: (conversationId: string, answer: Answer, end: FollowEnd) => Promise<void>;
}

/** How long a job may be on its way from another tab; then that tab is gone, and the worker is asked. */
const onItsWayMs = 35_000;

interface Followed {
  readonly conversationId: string;
  readonly jobId: string;
  leave(): void;
}

export function createFollower({ api, conversations, isSubmitting, onEnd }: FollowerOptions): Follower {
  let followed: Followed | undefined;
  /** Streams that have ended without the answer's end, while it is found out why. */
  const ending = new Set<string>();
  /** Conversations that this tab has shown: only their answers are its business. */
  const visited = new Set<string>();

  function attend(): void {
    const wanted = [conversations.current.peek(), ...conversations.all()]
      .filter(({ id }) => visited.has(id))
      .flatMap((conversation) => ownFirst(liveAnswers(conversation)).map((answer) => ({ conversation, answer })))
      .find(({ answer }) => isReady(answer));
    if (followed !== undefined && followed.jobId === wanted?.answer.jobId) return;
    followed?.leave();
    followed = undefined;
    if (wanted !== undefined) followed = follow(wanted.conversation.id, wanted.answer);
  }

  /** Another tab that has asked at the same moment follows its own. */
  function ownFirst(answers: readonly Answer[]): readonly Answer[] {
    const isOther = ({ jobId }: Answer): number => (conversations.sentElsewhere(jobId) ? 1 : 0);
    return answers.toSorted((a, b) => isOther(a) - isOther(b));
  }

  /** Whether the worker should have it. */
  function isReady(answer: Answer): boolean {
    if (isSubmitting(answer.jobId) || ending.has(answer.jobId)) return false;
    if (answer.phase !== "sending" || !conversations.sentElsewhere(answer.jobId)) return true;
    const restMs = onItsWayMs - (Date.now() - (answer.jobSentAt ?? answer.sentAt));
    if (restMs > 0) setTimeout(attend, restMs);
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
      api,
      jobId,
      after: lastIndex,
      signal: leaving.signal,
      onEvent: batch.add,
      onConnection: (retryAt) => change((answer) => withReconnecting(answer, retryAt)),
    }).then(async (end) => {
      if (leaving.signal.aborted) return;
      batch.flush();
      followed = undefined;
      ending.add(jobId);
      const answer = conversations.get(conversationId)?.turns.find(({ id }) => id === answerId);
      if (answer?.role === "assistant" && answer.jobId === jobId) await onEnd(conversationId, answer, end);
      ending.delete(jobId);
      attend();
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
  // Of another tab, too: its answer is followed from here as soon as the worker has it.
  const coming = computed(() =>
    liveAnswers(conversations.current.value)
      .map(({ jobId, phase }) => `${jobId} ${phase === "sending"}`)
      .join(" "),
  );
  effect(() => {
    if (coming.value !== "") untracked(attend);
  });

  return {
    attend,
    watch(conversationId) {
      visited.add(conversationId);
      attend();
    },
    leave(conversationId) {
      if (followed?.conversationId !== conversationId) return;
      followed.leave();
      followed = undefined;
    },
  };
}
