// Asks the executor about the model, such as for the tokens of a text or a rendered conversation. A query needs no job.
import { createFairQueue, createShares, deferred } from "@waggle/async";
import type { Clock, Deferred, FairQueue } from "@waggle/async";
import { countChars } from "@waggle/engine";
import type { EngineQuery, EngineQueryResult } from "@waggle/engine";
import { failureError, WaggleError } from "@waggle/protocol";
import type { Executor } from "./executor-port.ts";

/** Longest time of a query that is sent, at a worker and at a gateway. A working engine answers within one step, and the watchdog restarts a hung engine. */
export const queryTimeoutMs = 60_000;
/** Maximum number of queries that may wait at once. */
const maxWaiting = 512;
/** Maximum number of characters or tokens of all waiting queries together. */
const maxWaitingLength = 32 * 1_048_576;
/** Share of both for one client. */
const clientShare = 0.5;
/**
 * Longer queries go to the engine one at a time, because answering a text of megabytes needs a hundred times its size in memory, and so do those with pictures. Clients take
 * turns. If the client of a waiting query disconnects, the query is not sent.
 */
const shortLength = 16_384;

type AnswerTo<K extends EngineQuery["kind"]> = Extract<EngineQueryResult, { kind: K }>;

export interface Queries {
  /**
   * @param signal aborts when the client has disconnected, or with a TimeoutError when the client's time limit has passed
   * @throws WaggleError as from the engine; unavailable without an answer in time; resource_exhausted when too many queries wait; cancelled when the
   * client has disconnected
   */
  ask<K extends EngineQuery["kind"]>(
    question: Extract<EngineQuery, { kind: K }>,
    signal: AbortSignal,
    client?: string,
  ): Promise<AnswerTo<K>>;
  answer(id: string, answer: EngineQueryResult): void;
  /** Called when the engine can no longer answer: fails all waiting queries. */
  abandon(why: string): void;
  /** Number of queries that wait for an answer. */
  readonly waiting: number;
}

export interface QueriesOptions {
  readonly executor: Pick<Executor, "ready" | "query" | "dropQuery">;
  readonly clock: Clock;
}

interface WaitingQuery {
  readonly id: string;
  readonly question: EngineQuery;
  readonly client: string;
  readonly length: number;
  readonly answered: Deferred<EngineQueryResult>;
  /** The time limit of a query that is sent. */
  timer?: ReturnType<Clock["setTimeout"]>;
}

/** Queries that go to the engine one at a time. */
interface Lane {
  /** The ids of queries that are not sent yet, also of clients that have disconnected. */
  readonly line: FairQueue<string>;
  /** The query that the engine works on, also after its client has disconnected. */
  sent: string | undefined;
}

export function createQueries({ executor, clock }: QueriesOptions): Queries {
  const waiting = new Map<string, WaitingQuery>();
  const [texts, pictures] = [createLane(), createLane()];
  const places = createShares(maxWaiting, clientShare);
  const lengths = createShares(maxWaitingLength, clientShare);
  let serial = 0;

  function unavailable(why: string): WaggleError {
    return new WaggleError("unavailable", `Cannot ask the model: ${why}.`, { retryAfterS: 1 });
  }

  function abandoned({ reason }: AbortSignal): WaggleError {
    const isTimeout = reason instanceof Error && reason.name === "TimeoutError";
    return isTimeout ? notInTime() : new WaggleError("cancelled", "The client left.");
  }

  const notInTime = (): WaggleError => unavailable("it did not answer in time");

  function enter(question: EngineQuery, client: string): WaitingQuery {
    const length = lengthOf(question);
    const limit = places.limitFor(client, 1) ?? lengths.limitFor(client, length);
    if (limit !== undefined) {
      const whose = limit === "full" ? "" : " of this client";
      throw new WaggleError("resource_exhausted", `Cannot ask the model: too many queries${whose} wait.`, {
        retryAfterS: 1,
      });
    }
    const query: WaitingQuery = {
      id: `q${(serial += 1)}`,
      question,
      client,
      length,
      answered: deferred<EngineQueryResult>(),
    };
    waiting.set(query.id, query);
    places.add(client, 1);
    lengths.add(client, length);
    const lane = hasPictures(question) ? pictures : length > shortLength ? texts : undefined;
    lane?.line.push(client, query.id);
    if (lane === undefined) send(query);
    else sendNext(lane);
    return query;
  }

  function leave(query: WaitingQuery): void {
    if (!waiting.delete(query.id)) return;
    places.add(query.client, -1);
    lengths.add(query.client, -query.length);
  }

  function send(query: WaitingQuery): void {
    const { id, question, client } = query;
    query.timer = clock.setTimeout(() => abandonOne(query, notInTime()), queryTimeoutMs);
    executor.query(id, question, client);
  }

  function sendNext(lane: Lane): void {
    while (lane.sent === undefined && lane.line.next !== undefined) {
      const next = waiting.get(lane.line.take() ?? "");
      if (next === undefined) continue;
      lane.sent = next.id;
      send(next);
    }
  }

  /** The client needs no answer, so the engine stops looking for it. */
  function abandonOne({ id, answered, timer }: WaitingQuery, error: WaggleError): void {
    answered.reject(error);
    if (timer !== undefined) executor.dropQuery(id);
  }

  return {
    async ask(question, signal, client = "") {
      if (!executor.ready) throw unavailable("it is not loaded");
      if (signal.aborted) throw abandoned(signal);
      const query = enter(question, client);
      const { answered } = query;
      const leaving = (): void => abandonOne(query, abandoned(signal));
      signal.addEventListener("abort", leaving);
      try {
        const answer = await answered.promise;
        if (answer.kind === "failed") throw failureError(answer.failure);
        return answer as AnswerTo<typeof question.kind>;
      } finally {
        query.timer?.cancel();
        signal.removeEventListener("abort", leaving);
        leave(query);
      }
    },
    answer(id, answer) {
      waiting.get(id)?.answered.resolve(answer);
      const lane = [texts, pictures].find(({ sent }) => sent === id);
      if (lane === undefined) return;
      lane.sent = undefined;
      sendNext(lane);
    },
    abandon(why) {
      for (const lane of [texts, pictures]) {
        lane.sent = undefined;
        lane.line.drain();
      }
      for (const { answered } of waiting.values()) answered.reject(unavailable(why));
    },
    get waiting() {
      return waiting.size;
    },
  };
}

const createLane = (): Lane => ({ line: createFairQueue(), sent: undefined });

/** The front limits the pictures; here they have no length. */
function hasPictures(question: EngineQuery): boolean {
  return question.kind === "count" && question.pictures !== undefined;
}

/** Returns the total length of the query's texts, in characters or in tokens. */
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
