// Owns the surface for programs: `createWaggle` makes a client whose `ask` returns an answer that survives broken connections. Decision 116.
import { startAnswer, type AnswerEvent } from "./answer.ts";
import { createServer, type ServerOptions } from "./server.ts";
import type { AnswerMessage, EndEvent, FinishReason, Message, Receipt, Timings, Tool, Usage } from "./wire.ts";

export interface WaggleOptions extends ServerOptions {
  /** Tries in a row after a lost connection or a refusal because the server is busy. 8 by default, which is at least 11 s. 0: no second try. */
  readonly maxTries?: number;
}

/** A request has either `messages` or `prompt`. */
export interface AskRequest {
  readonly messages?: readonly Message[];
  /** Raw text to continue. */
  readonly prompt?: string;
  /** A session has one answer at a time: a newer request supersedes the older one. */
  readonly session?: string;
  /** Cancels the answer, also at the server. */
  readonly signal?: AbortSignal;
  /** Needed only by a server with several models. */
  readonly model?: string;
  readonly max_tokens?: number;
  readonly temperature?: number;
  readonly seed?: number;
  readonly stop?: string | readonly string[];
  readonly json_schema?: Readonly<Record<string, unknown>>;
  readonly tools?: readonly Tool[];
  /** `continue`: the job runs to its end although no client reads it, and can be read for half an hour. */
  readonly on_disconnect?: "cancel" | "continue";
  /** Further fields of `POST /v1/jobs`, as `/reference` of a server lists them. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

export interface Answer {
  /** The id of the job at the server. It may change if the answer is asked for again before its first token. */
  readonly jobId: string;
  /** The text in parts, without reasoning and calls. Throws the error of `result`. Each loop begins at the first part. */
  readonly text: AsyncIterable<string>;
  /** All events: position in the queue, start, tokens, reasoning, calls, pauses, new tries. Throws the error of `result`. */
  readonly events: AsyncIterable<AnswerEvent>;
  /** Rejects with a WaggleError, or with the reason of the signal. A cancelled answer is an error. */
  readonly result: Promise<AnswerResult>;
  /** Cancels the answer here and at the server; then `result` rejects. */
  cancel(): void;
}

export interface AnswerResult {
  readonly text: string;
  /** Can be appended to `messages`; undefined for a `prompt`. */
  readonly message: AnswerMessage | undefined;
  readonly finishReason: FinishReason;
  readonly usage: Usage;
  readonly timings: Timings;
  readonly receipt: Receipt | undefined;
  readonly end: EndEvent;
}

export interface Waggle {
  /** Returns at once. Errors of the server are errors of the answer. */
  ask(request: AskRequest): Answer;
}

/** @throws WaggleError invalid_argument when the URL or the token cannot be used */
export function createWaggle(options: WaggleOptions): Waggle {
  const server = createServer(options);
  /** The latest answer of each session, until it ends. */
  const latest = new Map<string, Answer>();
  return {
    ask(request) {
      const { session } = request;
      const isLatest = (): boolean => session === undefined || latest.get(session) === answer;
      const answer = startAnswer(server, request, isLatest, options.maxTries);
      if (session === undefined) return answer;
      latest.set(session, answer);
      const forget = (): unknown => isLatest() && latest.delete(session);
      answer.result.then(forget, forget);
      return answer;
    },
  };
}
