// Owns the two completion routes: one path through the house, and the answer in OpenAI's dialect, streamed or collected.
import { DONE, WaggleError, isTerminal, sseHeaders } from "@waggle/protocol";
import type { EndEvent, ErrorEvent, StreamEvent } from "@waggle/protocol";
import { encodeSse, encodeSseComment } from "@waggle/sse";
import type { Dispatcher, Job } from "@waggle/jobs";
import type { AppContext } from "../context.ts";
import { breakOff, connectionOf, streamResponse } from "../event-stream.ts";
import type { Connection } from "../event-stream.ts";
import type { StreamCounter } from "../stream-counter.ts";
import { openAiTimings, openAiUsage } from "./answer.ts";
import type { AnswerHead } from "./answer.ts";
import type { Dialect, Json } from "./dialects.ts";
import { openAiError } from "./errors.ts";

export interface AnswerOptions {
  readonly job: Job;
  readonly head: AnswerHead;
  readonly dialect: Dialect;
  readonly dispatcher: Dispatcher;
}

export interface StreamAnswerOptions extends AnswerOptions {
  readonly streams: StreamCounter;
  readonly client: string;
  readonly includeUsage: boolean;
}

export function streamAnswer(c: AppContext, options: StreamAnswerOptions): Response {
  const connection = connectionOf(c.env);
  const reader = options.dispatcher.openReader(options.job, -1, () => connection?.destroy());
  const counted = options.streams.count(options.client, reader);
  return streamResponse(c, answerChunks(counted, options, connection), sseHeaders);
}

function answerChunks(
  events: AsyncIterator<readonly StreamEvent[]>,
  options: StreamAnswerOptions,
  connection: Connection | undefined,
): AsyncIterator<string> {
  const { head, dialect, includeUsage } = options;
  let opened = false;
  let broken = false;

  function frame(body: Json): string {
    const object = { object: dialect.streamObject, ...head, ...body };
    return encodeSse({
      data: JSON.stringify(includeUsage && !("usage" in body) ? { ...object, usage: null } : object),
    });
  }

  function frames(choices: readonly Json[]): string {
    return choices.map((choice) => frame({ choices: [choice] })).join("");
  }

  function closing(end: EndEvent): string {
    const choices = dialect.closing(end);
    const timings = openAiTimings(end);
    const last = choices.length - 1;
    const ends = choices.map((choice, i) => frame({ choices: [choice], ...(i === last ? { timings } : {}) })).join("");
    const usage = includeUsage ? frame({ choices: [], usage: openAiUsage(end.usage), timings }) : "";
    return ends + usage + encodeSse({ data: DONE });
  }

  function text(event: StreamEvent): string {
    switch (event.type) {
      case "queued":
      case "status":
        return "";
      case "started": {
        // The role goes out with the slot, so that a client knows that its turn has come.
        const first = opened ? "" : frames(dialect.opening());
        opened = true;
        return first;
      }
      case "token":
        return frames(dialect.piece(event));
      case "end": {
        const failure = failureOf(event);
        if (failure === undefined) return closing(event);
        broken = true;
        return errorFrame(failure);
      }
      case "error":
        broken = true;
        return errorFrame(errorOf(event));
    }
  }

  return {
    async next() {
      if (broken) return await breakOff(events, connection);
      const { done, value: batch } = await events.next();
      if (done === true) return { done: true, value: undefined };
      const chunk = batch.map(text).join("");
      // Waiting has no words in this dialect; a comment shows that the stream is alive.
      return { done: false, value: chunk === "" ? encodeSseComment(batch.length === 0 ? "ping" : "waiting") : chunk };
    },
    async return() {
      await events.return?.();
      return { done: true, value: undefined };
    },
  };
}

function errorFrame(error: WaggleError): string {
  return encodeSse({ data: JSON.stringify(openAiError(error)) });
}

/** Waits for the whole answer; a client that leaves meanwhile takes the job with it. @throws WaggleError */
export async function collectAnswer(c: AppContext, options: AnswerOptions): Promise<Json> {
  const { job, head, dialect, dispatcher } = options;
  const reader = dispatcher.openReader(job, -1, () => connectionOf(c.env)?.destroy());
  const { signal } = c.req.raw;
  const leave = (): void => reader.close();
  signal.addEventListener("abort", leave);
  try {
    for await (const batch of reader) {
      for (const event of batch) {
        if (event.type === "token") dialect.piece(event);
        if (isTerminal(event)) return whole(event, dialect, head);
      }
    }
  } finally {
    signal.removeEventListener("abort", leave);
    reader.close();
  }
  throw new WaggleError("cancelled", "The client left before its answer was complete.");
}

function whole(event: EndEvent | ErrorEvent, dialect: Dialect, head: AnswerHead): Json {
  const failure = event.type === "error" ? errorOf(event) : failureOf(event);
  if (failure !== undefined || event.type === "error") throw failure ?? new WaggleError("internal", "No answer.");
  return {
    ...head,
    object: dialect.wholeObject,
    choices: dialect.choices(event),
    usage: openAiUsage(event.usage),
    timings: openAiTimings(event),
  };
}

/** In this dialect a cancelled answer is an error: its client must not take it for complete. */
function failureOf(end: EndEvent): WaggleError | undefined {
  if (end.finish_reason !== "cancelled") return undefined;
  return new WaggleError("cancelled", `The answer was cancelled (${end.cancelled_by ?? "client"}).`);
}

function errorOf({ code, message, details }: ErrorEvent): WaggleError {
  return new WaggleError(code, message, details === undefined ? {} : { details });
}
