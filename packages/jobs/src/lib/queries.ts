// Owns queries to the engine about the model that are no jobs: tokens of a text, a rendered conversation.
import { deferred } from "@waggle/async";
import type { Clock, Deferred } from "@waggle/async";
import type { EngineQueryResult, EngineCommand, EngineEvent, EngineQuery } from "@waggle/engine";
import { WaggleError } from "@waggle/protocol";

/** An engine that steps answers within one; the watchdog deals with one that does not. */
const answerTimeoutMs = 60_000;
/** Queries that may wait at once. */
const maxWaiting = 256;

type AnswerTo<K extends EngineQuery["kind"]> = Extract<EngineQueryResult, { kind: K }>;

export interface Queries {
  /** @throws WaggleError the engine's own; unavailable when there is none or it dies; resource_exhausted when too many wait */
  ask<K extends EngineQuery["kind"]>(question: Extract<EngineQuery, { kind: K }>): Promise<AnswerTo<K>>;
  answer(event: Extract<EngineEvent, { type: "query_result" }>): void;
  /** The engine is gone. */
  abandon(): void;
}

export interface QueriesOptions {
  readonly send: (command: EngineCommand) => void;
  readonly ready: () => boolean;
  readonly clock: Clock;
}

export function createQueries({ send, ready, clock }: QueriesOptions): Queries {
  const waiting = new Map<string, Deferred<EngineQueryResult>>();
  let serial = 0;

  function unavailable(why: string): WaggleError {
    return new WaggleError("unavailable", `Cannot ask the model: ${why}.`, { retryAfterS: 1 });
  }

  return {
    async ask(question) {
      if (!ready()) throw unavailable("it is not loaded");
      if (waiting.size >= maxWaiting) {
        throw new WaggleError("resource_exhausted", "Cannot ask the model: too many queries wait.", {
          retryAfterS: 1,
        });
      }
      const id = `q${(serial += 1)}`;
      const answered = deferred<EngineQueryResult>();
      waiting.set(id, answered);
      const timer = clock.setTimeout(() => answered.reject(unavailable("it did not answer in time")), answerTimeoutMs);
      send({ type: "query", id, question });
      try {
        const answer = await answered.promise;
        if (answer.kind === "failed") {
          const { code, message, details } = answer.failure;
          throw new WaggleError(code, message, details === undefined ? {} : { details });
        }
        return answer as AnswerTo<typeof question.kind>;
      } finally {
        timer.cancel();
        waiting.delete(id);
      }
    },
    answer: (event) => waiting.get(event.id)?.resolve(event.answer),
    abandon() {
      for (const answered of waiting.values()) answered.reject(unavailable("the engine died"));
    },
  };
}
