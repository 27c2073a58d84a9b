// Owns the choices of a chat completion: what the model says falls into thoughts, content and tool calls, as deltas or as one message.
import type { EndEvent, Logprob } from "@waggle/protocol";
import { createAnswerParser } from "../../answer-parts.ts";
import type { AnswerParser, AnswerPart } from "../../answer-parts.ts";
import { chatLogprobs, choiceOf, createMessage, deltaOf, finishReasonOf } from "./answer.ts";
import { createCollectedLogprobs } from "./collected-logprobs.ts";
import { reasonsOf } from "./framing.ts";
import type { ChoiceCollector, ChoiceStream, Completion, CompletionOptions, Json } from "./framing.ts";

export const chatCompletion: Completion = {
  idPrefix: "chatcmpl",
  streamObject: "chat.completion.chunk",
  wholeObject: "chat.completion",
  stream: streamedChoices,
  collect: collectedChoices,
};

function streamedChoices(options: CompletionOptions): ChoiceStream {
  interface Choice {
    readonly parser: AnswerParser;
    readonly callId: (index: number) => string;
    /** Of tokens whose text is still held back, or is in no part: white space around calls. */
    pending: Logprob[];
  }
  const all: readonly Choice[] = Array.from({ length: options.choices }, (_, index) => ({
    parser: parserFor(options),
    callId: callIds(options, index),
    pending: [],
  }));

  function chunk(index: number, delta: Json, extra: Json = {}): Json {
    return { index, delta, ...(options.logprobs ? { logprobs: null } : {}), finish_reason: null, ...extra };
  }

  function deltas(index: number, choice: Choice, parts: readonly AnswerPart[]): Json[] {
    return parts.map((part) => {
      const delta = deltaOf(part, choice.callId);
      if (choice.pending.length === 0) return chunk(index, delta);
      const logprobs = chatLogprobs(choice.pending);
      choice.pending = [];
      return chunk(index, delta, { logprobs });
    });
  }

  return {
    opening: () => all.map((_, index) => chunk(index, { role: "assistant", content: null })),
    piece(token) {
      const index = choiceOf(token);
      const choice = all[index];
      if (choice === undefined) return [];
      if (token.logprobs !== undefined) choice.pending.push(...token.logprobs);
      return deltas(index, choice, choice.parser.push(token.text));
    },
    closing(end) {
      const rest = all.flatMap((choice, index) => deltas(index, choice, choice.parser.end()));
      const reasons = finishReasons(
        end,
        all.map(({ parser }) => parser),
      );
      const last = all.map(({ pending }, index) => {
        const logprobs = pending.length > 0 ? { logprobs: chatLogprobs(pending) } : {};
        return chunk(index, {}, { finish_reason: reasons[index], ...logprobs });
      });
      return [...rest, ...last];
    },
  };
}

function collectedChoices(options: CompletionOptions): ChoiceCollector {
  const all = Array.from({ length: options.choices }, (_, index) => ({
    parser: parserFor(options),
    message: createMessage(callIds(options, index)),
  }));
  const logprobs = createCollectedLogprobs(options.choices);
  return {
    add(token) {
      const index = choiceOf(token);
      const choice = all[index];
      if (choice === undefined) return;
      if (token.logprobs !== undefined) logprobs.add(index, token.logprobs);
      for (const part of choice.parser.push(token.text)) choice.message.add(part);
    },
    choices(end) {
      for (const { parser, message } of all) for (const part of parser.end()) message.add(part);
      const reasons = finishReasons(
        end,
        all.map(({ parser }) => parser),
      );
      return all.map(({ message }, index) => ({
        index,
        message: message.whole(),
        logprobs: options.logprobs ? chatLogprobs(logprobs.of(index)) : null,
        finish_reason: reasons[index],
      }));
    },
  };
}

function parserFor({ tools }: CompletionOptions): AnswerParser {
  return createAnswerParser({
    toolNames: (tools?.tools ?? []).map((tool) => tool.function.name),
    forced: tools?.schema !== undefined,
  });
}

function callIds({ head }: CompletionOptions, choice: number): (index: number) => string {
  return (index) => `call_${head.id.slice(-12)}_${choice}_${index}`;
}

function finishReasons(end: EndEvent, parsers: readonly AnswerParser[]): string[] {
  const reasons = reasonsOf(end, parsers.length);
  return parsers.map(({ calls }, index) => finishReasonOf(reasons[index] ?? end.finish_reason, calls));
}
