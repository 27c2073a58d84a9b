// Owns the answer format that chat and text completions share: chunks and [DONE], or one object.
import { randomUUID } from "node:crypto";
import { DONE, sseHeaders } from "@waggle/protocol";
import type {
  ChatCompletion,
  ChatCompletionChunk,
  CompletionRequest,
  EndEvent,
  QueuedEvent,
  StatusEvent,
  StreamEvent,
  TextCompletion,
  TokenEvent,
  WorkerInfo,
} from "@waggle/protocol";
import { encodeSse, encodeSseComment } from "@waggle/protocol/sse";
import type { Answer, Collector, Framing } from "../../generation/dialect.ts";
import { answerTimings } from "../../stream/answer-timings.ts";
import { createStreamExtras } from "../../stream/stream-extras.ts";
import { openAiUsage } from "./answer.ts";
import type { AnswerHead, CompleteReason } from "./answer.ts";
import { openAiError } from "./errors.ts";

type ChunkChoice = (ChatCompletionChunk | TextCompletion)["choices"][number];
type WholeChoice = (ChatCompletion | TextCompletion)["choices"][number];

/** A chunk without its head. */
type ChunkBody = Pick<ChatCompletionChunk, "usage" | "timings" | "prompt_progress"> & {
  readonly choices: readonly ChunkChoice[];
};

/** The differences between chat and text completions. */
export interface Completion {
  readonly idPrefix: string;
  readonly streamObject: (ChatCompletionChunk | TextCompletion)["object"];
  readonly wholeObject: (ChatCompletion | TextCompletion)["object"];
  stream(options: CompletionOptions): ChoiceStream;
  collect(options: CompletionOptions): ChoiceCollector;
}

export interface CompletionOptions {
  readonly head: AnswerHead;
  readonly choices: number;
  readonly logprobs: boolean;
}

/** The choices of a streamed answer. */
export interface ChoiceStream {
  /** The first chunks. */
  opening(): ChunkChoice[];
  piece(token: TokenEvent): ChunkChoice[];
  /** The last chunks before the usage. */
  closing(end: EndEvent): ChunkChoice[];
  /** A choice without text. */
  silence(): ChunkChoice;
}

export interface ChoiceCollector {
  add(token: TokenEvent): void;
  choices(end: EndEvent): WholeChoice[];
}

export function optionsOf(
  { idPrefix }: Completion,
  { model, version }: WorkerInfo,
  answer: Pick<CompletionOptions, "choices" | "logprobs">,
): CompletionOptions {
  const id = `${idPrefix}-${randomUUID()}`;
  const created = Math.floor(Date.now() / 1000);
  // llama-server's fingerprint is "b" and a build number, and its clients search for the "b".
  return { head: { id, created, model, system_fingerprint: `build-waggle-${version}` }, ...answer };
}

/** Request fields of chat and text completions about the format of the answer. */
export type AnswerFields = Pick<CompletionRequest, "return_progress" | "timings_per_token" | "stream_options">;

export function openAiAnswer(completion: Completion, options: CompletionOptions, fields: AnswerFields): Answer {
  return {
    framing: () => openAiFraming(completion, options, fields),
    collector: () => openAiCollector(completion, options),
  };
}

function openAiFraming(
  { streamObject, stream }: Completion,
  options: CompletionOptions,
  fields: AnswerFields,
): Framing {
  const choices = stream(options);
  const includeUsage = fields.stream_options?.include_usage === true;
  const extras = createStreamExtras(fields);
  // The fields with which each chunk starts.
  const head = JSON.stringify({ object: streamObject, ...options.head }).slice(0, -1);

  function chunk(body: ChunkBody): string {
    const shown = includeUsage && !("usage" in body) ? { ...body, usage: null } : body;
    return encodeSse({ data: `${head},${JSON.stringify(shown).slice(1)}` });
  }

  function chunks(pieces: readonly ChunkChoice[], more: Omit<ChunkBody, "choices"> = {}): string {
    let text = "";
    for (const piece of pieces) text += chunk({ choices: [piece], ...more });
    return text;
  }

  function progressOf(event: StreamEvent): string {
    const extra = extras.ofEvent(event);
    return extra === undefined ? "" : chunk({ choices: [choices.silence()], ...extra });
  }

  return {
    headers: sseHeaders,
    cancelledIsError: true,
    frame(event) {
      const progress = progressOf(event);
      switch (event.type) {
        case "queued":
        case "status":
          // At position 0 the job waits for no other job. At a gateway, a worker may still refuse it.
          if (event.type === "queued" && event.position === 0) return progress;
          return progress === "" ? encodeSseComment(waitingWordsOf(event)) : progress;
        case "started":
          // The role is sent when the job gets its slot, so that the client knows that the job has started.
          return chunks(choices.opening()) + progress;
        case "token":
          return progress + chunks(choices.piece(event), extras.ofToken(event));
        case "tool_call":
        case "tool_result":
          return "";
      }
    },
    frameEnd(end) {
      const progress = progressOf(end);
      const pieces = choices.closing(end);
      const timings = answerTimings(end);
      const last = pieces.pop();
      const lastChunk = last === undefined ? "" : chunk({ choices: [last], timings });
      const usage = includeUsage ? chunk({ choices: [], usage: openAiUsage(end.usage), timings }) : "";
      return progress + chunks(pieces) + lastChunk + usage + encodeSse({ data: DONE });
    },
    frameError: (error) => encodeSse({ data: JSON.stringify(openAiError(error)) }),
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
      timings: answerTimings(end),
    }),
  };
}

/** A comment for people who read the stream, since this dialect has no event for queue positions and states. */
function waitingWordsOf(event: QueuedEvent | StatusEvent): string {
  if (event.type === "queued") {
    const { position, eta_ms: etaMs } = event;
    return `queued ${position}${etaMs === undefined ? "" : `, about ${Math.ceil(etaMs / 1_000)} s`}`;
  }
  const { status, prompt_progress: progress } = event;
  return progress === undefined ? status : `${status}, prompt ${progress.processed} of ${progress.total}`;
}

/** The finish reason of each choice. A cancelled answer gets an error instead. */
export function reasonsOf(end: EndEvent, choices: number): readonly CompleteReason[] {
  const reasons =
    end.choices?.map((choice) => choice.finish_reason) ?? Array.from({ length: choices }, () => end.finish_reason);
  return reasons.map((reason) => (reason === "cancelled" ? "length" : reason));
}
