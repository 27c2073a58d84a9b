// Owns what differs between the two completion routes: the objects that carry an answer, whole and in pieces.
import type { EndEvent, Logprob, TokenEvent } from "@waggle/protocol";
import { chatLogprobs, choiceOf, completionLogprobs, deltaOf, finishReasonOf, messageOf } from "./answer.ts";
import type { AnswerHead } from "./answer.ts";
import { createAnswerParser } from "./answer-parts.ts";
import type { AnswerParser, AnswerPart } from "./answer-parts.ts";
import type { ToolPlan } from "./tools.ts";

export type Json = Record<string, unknown>;

export interface Dialect {
  /** What a stream begins with. */
  opening(): Json[];
  /** What a token adds to a stream; perhaps nothing yet. */
  piece(event: TokenEvent): Json[];
  /** What a stream ends with, before the usage. */
  closing(end: EndEvent): Json[];
  /** The whole answer's choices, from everything that `piece` was told. */
  choices(end: EndEvent): Json[];
  readonly streamObject: string;
  readonly wholeObject: string;
}

export interface DialectOptions {
  readonly head: AnswerHead;
  readonly choices: number;
  readonly tools: ToolPlan | undefined;
  readonly logprobs: boolean;
}

function reasonsOf(end: EndEvent, count: number): readonly EndEvent["finish_reason"][] {
  return end.choices?.map((choice) => choice.finish_reason) ?? Array.from({ length: count }, () => end.finish_reason);
}

export function chatDialect({ head, choices, tools, logprobs }: DialectOptions): Dialect {
  interface Choice {
    readonly parser: AnswerParser;
    readonly parts: AnswerPart[];
    readonly logprobs: Logprob[];
    /** Of tokens whose text is still held back. */
    pending: Logprob[];
  }
  const all: Choice[] = Array.from({ length: choices }, () => ({
    parser: createAnswerParser({
      toolNames: (tools?.tools ?? []).map((tool) => tool.function.name),
      forced: tools?.schema !== undefined,
    }),
    parts: [],
    logprobs: [],
    pending: [],
  }));
  const callId = (choice: number) => (index: number) => `call_${head.id.slice(-12)}_${choice}_${index}`;

  function chunk(index: number, delta: Json, extra: Json = {}): Json {
    return { index, delta, ...(logprobs ? { logprobs: null } : {}), finish_reason: null, ...extra };
  }

  function deltas(index: number, choice: Choice, parts: readonly AnswerPart[]): Json[] {
    choice.parts.push(...parts);
    return parts.map((part) => {
      if (choice.pending.length === 0) return chunk(index, deltaOf(part, callId(index)));
      const entries = choice.pending;
      choice.pending = [];
      return chunk(index, deltaOf(part, callId(index)), { logprobs: chatLogprobs(entries) });
    });
  }

  function finish(index: number, end: EndEvent): string {
    return finishReasonOf(reasonsOf(end, choices)[index] ?? end.finish_reason, all[index]?.parser.calls ?? 0);
  }

  return {
    streamObject: "chat.completion.chunk",
    wholeObject: "chat.completion",
    opening: () => all.map((_, index) => chunk(index, { role: "assistant", content: null })),
    piece(event) {
      const index = choiceOf(event);
      const choice = all[index];
      if (choice === undefined) return [];
      choice.logprobs.push(...(event.logprobs ?? []));
      choice.pending.push(...(event.logprobs ?? []));
      return deltas(index, choice, choice.parser.push(event.text));
    },
    closing(end) {
      const rest = all.flatMap((choice, index) => deltas(index, choice, choice.parser.end()));
      return [...rest, ...all.map((_, index) => chunk(index, {}, { finish_reason: finish(index, end) }))];
    },
    choices: (end) =>
      all.map((choice, index) => {
        choice.parts.push(...choice.parser.end());
        return {
          index,
          message: messageOf(choice.parts, callId(index)),
          logprobs: logprobs ? chatLogprobs(choice.logprobs) : null,
          finish_reason: finish(index, end),
        };
      }),
  };
}

export function completionDialect({ choices, logprobs }: DialectOptions): Dialect {
  const all = Array.from({ length: choices }, () => ({ text: "", logprobs: [] as Logprob[] }));
  return {
    streamObject: "text_completion",
    wholeObject: "text_completion",
    opening: () => [],
    piece(event) {
      const index = choiceOf(event);
      const choice = all[index];
      if (choice === undefined) return [];
      const entries = event.logprobs ?? [];
      const shown = logprobs ? completionLogprobs(entries, choice.text.length) : null;
      choice.text += event.text;
      choice.logprobs.push(...entries);
      return [{ index, text: event.text, logprobs: shown, finish_reason: null }];
    },
    closing: (end) =>
      reasonsOf(end, choices).map((reason, index) => ({ index, text: "", logprobs: null, finish_reason: reason })),
    choices: (end) =>
      all.map((choice, index) => ({
        index,
        text: choice.text,
        logprobs: logprobs ? completionLogprobs(choice.logprobs, 0) : null,
        finish_reason: reasonsOf(end, choices)[index] ?? end.finish_reason,
      })),
  };
}
