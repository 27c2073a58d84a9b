// Owns queries to the engine about the model that are no jobs: tokens of a text, a rendered conversation.
import { deferred } from "@waggle/async";
import type { Clock, Deferred } from "@waggle/async";
import type { EngineQueryResult, EngineCommand, EngineEvent, EngineQuery } from "@waggle/engine";
import { WaggleError } from "@waggle/protocol";

/** An engine that steps answers within one; the watchdog deals with one that does not. In a fleet the gateway waits as long as the worker. */
export const queryTimeoutMs = 60_000;
/** Queries that may wait at once, and what they may hold of texts together: characters, or tokens. */
const maxWaiting = 256;
const maxWaitingLength = 16 * 1_048_576;
/**
 * What is longer than this is asked one at a time: the answer to a text of megabytes is a hundred times that while it is made. The next
 * ones wait here, where nothing is spent on those whose client leaves.
 */
const shortLength = 16_384;

type AnswerTo<K extends EngineQuery["kind"]> = Extract<EngineQueryResult, { kind: K }>;

export interface Queries {
  /**
   * @param signal aborts when the client has left, or when its time has run out (TimeoutError)
   * @throws WaggleError the engine's own; unavailable when none answers in time; resource_exhausted when too many wait; cancelled when the client has left
   */
  ask<K extends EngineQuery["kind"]>(
    question: Extract<EngineQuery, { kind: K }>,
    signal: AbortSignal,
  ): Promise<AnswerTo<K>>;
  answer(event: Extract<EngineEvent, { type: "query_result" }>): void;
  /** Nobody will answer any more: whoever waits is told why. */
  abandon(why: string): void;
  /** Questions that wait for an answer. */
  readonly waiting: number;
}

export interface QueriesOptions {
  readonly engine: { readonly ready: boolean; send(command: EngineCommand): void };
  readonly clock: Clock;
  /** A question waits no longer. */
  readonly onLeft: () => void;
}

interface WaitingQuery {
  readonly id: string;
  readonly question: EngineQuery;
  readonly length: number;
  readonly answered: Deferred<EngineQueryResult>;
}

export function createQueries({ engine, clock, onLeft }: QueriesOptions): Queries {
  const waiting = new Map<string, WaitingQuery>();
  /** Those of them that are long and not with the engine yet, the oldest first. */
  const line = new Set<WaitingQuery>();
  /** The long one that the engine works on, also when nobody waits for it any more. */
  let long: string | undefined;
  let waitingLength = 0;
  let serial = 0;

  function unavailable(why: string): WaggleError {
    return new WaggleError("unavailable", `Cannot ask the model: ${why}.`, { retryAfterS: 1 });
  }

  /** Why the caller waits no longer. */
  function abandoned({ reason }: AbortSignal): WaggleError {
    const isTimeout = reason instanceof Error && reason.name === "TimeoutError";
    return isTimeout ? notInTime() : new WaggleError("cancelled", "The client left.");
  }

  const notInTime = (): WaggleError => unavailable("it did not answer in time");

  function enter(question: EngineQuery): WaitingQuery {
    const length = lengthOf(question);
    if (waiting.size >= maxWaiting || waitingLength + length > maxWaitingLength) {
      throw new WaggleError("resource_exhausted", "Cannot ask the model: too many queries wait.", { retryAfterS: 1 });
    }
    const query = { id: `q${(serial += 1)}`, question, length, answered: deferred<EngineQueryResult>() };
    waiting.set(query.id, query);
    waitingLength += length;
    if (length > shortLength) line.add(query);
    else engine.send({ type: "query", id: query.id, question });
    sendNext();
    return query;
  }

  function leave(query: WaitingQuery): void {
    if (waiting.delete(query.id)) waitingLength -= query.length;
    line.delete(query);
    onLeft();
  }

  function sendNext(): void {
    const [next] = line;
    if (long !== undefined || next === undefined) return;
    line.delete(next);
    long = next.id;
    engine.send({ type: "query", id: next.id, question: next.question });
  }

  return {
    async ask(question, signal) {
      if (!engine.ready) throw unavailable("it is not loaded");
      if (signal.aborted) throw abandoned(signal);
      const query = enter(question);
      const { answered } = query;
      const timer = clock.setTimeout(() => answered.reject(notInTime()), queryTimeoutMs);
      const leaving = (): void => answered.reject(abandoned(signal));
      signal.addEventListener("abort", leaving);
      try {
        const answer = await answered.promise;
        if (answer.kind === "failed") {
          const { code, message, details } = answer.failure;
          throw new WaggleError(code, message, details === undefined ? {} : { details });
        }
        return answer as AnswerTo<typeof question.kind>;
      } finally {
        timer.cancel();
        signal.removeEventListener("abort", leaving);
        leave(query);
      }
    },
    answer(event) {
      waiting.get(event.id)?.answered.resolve(event.answer);
      if (event.id !== long) return;
      long = undefined;
      sendNext();
    },
    abandon(why) {
      long = undefined;
      line.clear();
      for (const { answered } of waiting.values()) answered.reject(unavailable(why));
    },
    get waiting() {
      return waiting.size;
    },
  };
}

/** Of its texts in characters, wherever they stand, or in tokens. */
function lengthOf(question: EngineQuery): number {
  switch (question.kind) {
    case "tokenize":
      return question.text.length;
    case "detokenize":
      return question.tokens.length;
    case "render":
    case "count":
      return countChars([question.messages, question.tools]);
  }
}

/** Characters of all texts in a value, keys included, each other value counted as one. */
function countChars(value: unknown): number {
  const todo = [value];
  let chars = 0;
  while (todo.length > 0) {
    const part = todo.pop();
    if (typeof part === "string") chars += part.length;
    else if (typeof part !== "object" || part === null) chars += 1;
    else if (Array.isArray(part)) for (const item of part) todo.push(item);
    else {
      for (const [key, inner] of Object.entries(part)) {
        chars += key.length;
        todo.push(inner);
      }
    }
  }
  return chars;
}
