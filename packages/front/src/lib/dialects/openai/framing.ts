// Owns an answer in OpenAI's dialect, as far as its two completion routes agree: chunks and [DONE], or one object.
import { randomUUID } from "node:crypto";
import { DONE, sseHeaders } from "@waggle/protocol";
import type { EndEvent, TokenEvent, WorkerInfo } from "@waggle/protocol";
import { encodeSse, encodeSseComment } from "@waggle/sse";
import type { Collector, Framing } from "../../dialect.ts";
import { openAiTimings, openAiUsage } from "./answer.ts";
import type { AnswerHead } from "./answer.ts";
import { openAiError } from "./errors.ts";

export type Json = Record<string, unknown>;

/** What differs between the two completion routes. */
export interface Completion {
  readonly idPrefix: string;
  readonly streamObject: string;
  readonly wholeObject: string;
  stream(options: CompletionOptions): ChoiceStream;
  collect(options: CompletionOptions): ChoiceCollector;
}

export interface CompletionOptions {
  readonly head: AnswerHead;
  readonly choices: number;
  readonly logprobs: boolean;
}

/** The choices of a streamed answer. What has been sent is not kept. */
export interface ChoiceStream {
  /** What the stream begins with. */
  opening(): Json[];
  /** What a token adds; perhaps nothing yet. */
  piece(token: TokenEvent): Json[];
  /** What the stream ends with, before the usage. */
  closing(end: EndEvent): Json[];
}

/** The choices of a collected answer. */
export interface ChoiceCollector {
  add(token: TokenEvent): void;
  choices(end: EndEvent): Json[];
}

export function optionsOf(
  { idPrefix }: Completion,
  { model, version }: WorkerInfo,
  answer: Pick<CompletionOptions, "choices" | "logprobs">,
): CompletionOptions {
  const id = `${idPrefix}-${randomUUID()}`;
  const created = Math.floor(Date.now() / 1000);
  return { head: { id, created, model, system_fingerprint: `waggle-${version}` }, ...answer };
}

/** What a body of either completion route says of how its answer leaves. */
export interface AnswerWishes {
  readonly stream?: boolean | null | undefined;
  readonly stream_options?: { readonly include_usage?: boolean | null | undefined } | null | undefined;
}

export type OpenAiAnswer =
  | { readonly kind: "streamed"; readonly framing: () => Framing }
  | { readonly kind: "collected"; readonly collector: () => Collector };

export function answerOf(
  completion: Completion,
  options: CompletionOptions,
  { stream, stream_options: streamOptions }: AnswerWishes,
): OpenAiAnswer {
  if (stream !== true) return { kind: "collected", collector: () => openAiCollector(completion, options) };
  const includeUsage = streamOptions?.include_usage === true;
  return { kind: "streamed", framing: () => openAiFraming(completion, options, includeUsage) };
}

function openAiFraming(
  { streamObject, stream }: Completion,
  options: CompletionOptions,
  includeUsage: boolean,
): Framing {
  const choices = stream(options);
  // Each chunk begins with it.
  const head = JSON.stringify({ object: streamObject, ...options.head }).slice(0, -1);

  function chunk(body: Json): string {
    const shown = includeUsage && !("usage" in body) ? { ...body, usage: null } : body;
    return encodeSse({ data: `${head},${JSON.stringify(shown).slice(1)}` });
  }

  function chunks(pieces: readonly Json[]): string {
    let text = "";
    for (const piece of pieces) text += chunk({ choices: [piece] });
    return text;
  }

  return {
    headers: sseHeaders,
    cancelledIsError: true,
    frame(event) {
      switch (event.type) {
        case "queued":
        case "status":
          return "";
        case "started":
          // The role goes out with the slot, so that a client knows that its turn has come.
          return chunks(choices.opening());
        case "token":
          return chunks(choices.piece(event));
      }
    },
    frameEnd(end) {
      const pieces = choices.closing(end);
      const timings = openAiTimings(end);
      const last = pieces.pop();
      const lastChunk = last === undefined ? "" : chunk({ choices: [last], timings });
      const usage = includeUsage ? chunk({ choices: [], usage: openAiUsage(end.usage), timings }) : "";
      return chunks(pieces) + lastChunk + usage + encodeSse({ data: DONE });
    },
    frameError: (error) => encodeSse({ data: JSON.stringify(openAiError(error)) }),
    // Waiting has no words in this dialect.
    keepAlive: (why) => encodeSseComment(why === "silent" ? "ping" : "waiting"),
  };
}

function openAiCollector({ wholeObject, collect }: Completion, options: CompletionOptions): Collector {
  const choices = collect(options);
  return {
    add: (token) => choices.add(token),
    body: (end) => ({
      ...options.head,
      object: wholeObject,
      choices: choices.choices(end),
      usage: openAiUsage(end.usage),
      timings: openAiTimings(end),
    }),
  };
}

export function reasonsOf(end: EndEvent, choices: number): readonly EndEvent["finish_reason"][] {
  return end.choices?.map((choice) => choice.finish_reason) ?? Array.from({ length: choices }, () => end.finish_reason);
}
