// Builds the choices of a chat completion, as deltas or as whole messages.
import { emptyMessage, toAnswerMessage, withToken } from "@waggle/jobs";
import type { ChatCompletionChunk, Logprob, TokenEvent } from "@waggle/protocol";
import { chatLogprobs, choiceOf, deltaOf, finishReasonOf, messageIn } from "./answer.ts";
import type { ChatDelta, PartNames } from "./answer.ts";
import { createCollectedLogprobs } from "../../generation/collected-logprobs.ts";
import { reasonsOf } from "./framing.ts";
import type { ChoiceCollector, ChoiceStream, Completion, CompletionOptions } from "./framing.ts";

export function chatCompletion(names: PartNames): Completion {
  return {
    idPrefix: "chatcmpl",
    streamObject: "chat.completion.chunk",
    wholeObject: "chat.completion",
    stream: (options) => streamedChoices(options, names),
    collect: (options) => collectedChoices(options, names),
  };
}

function streamedChoices(options: CompletionOptions, names: PartNames): ChoiceStream {
  /** Number of calls in each choice so far. */
  const calls = Array.from({ length: options.choices }, () => 0);

  function chunk(
    index: number,
    delta: ChatDelta,
    logprobs?: readonly Logprob[],
  ): ChatCompletionChunk["choices"][number] {
    const shown = logprobs === undefined || logprobs.length === 0 ? null : chatLogprobs(logprobs);
    return { index, delta, ...(options.logprobs ? { logprobs: shown } : {}), finish_reason: null };
  }

  return {
    opening: () => calls.map((_, index) => chunk(index, { role: "assistant", content: null })),
    piece(token) {
      const index = choiceOf(token);
      const known = calls[index];
      if (known === undefined) return [];
      if (token.part === "call") calls[index] = known + 1;
      else if (token.text === "" && token.logprobs === undefined) return [];
      return [chunk(index, deltaOf(token, names), token.logprobs)];
    },
    silence: () => chunk(0, {}),
    closing: (end) =>
      reasonsOf(end, options.choices).map((reason, index) => ({
        ...chunk(index, {}),
        finish_reason: finishReasonOf(reason, calls[index] ?? 0, end.choices?.[index]?.message ?? end.message, names),
      })),
  };
}

function collectedChoices(options: CompletionOptions, names: PartNames): ChoiceCollector {
  const drafts = Array.from({ length: options.choices }, () => emptyMessage);
  const logprobs = createCollectedLogprobs(options.choices);

  return {
    add(token: TokenEvent) {
      const index = choiceOf(token);
      const draft = drafts[index];
      if (draft === undefined) return;
      drafts[index] = withToken(draft, token);
      if (token.logprobs !== undefined) logprobs.add(index, token.logprobs);
    },
    choices(end) {
      const reasons = reasonsOf(end, drafts.length);
      return drafts.map((draft, index) => {
        const message = toAnswerMessage(draft);
        return {
          index,
          message: messageIn(message, names),
          logprobs: options.logprobs ? chatLogprobs(logprobs.of(index)) : null,
          finish_reason: finishReasonOf(reasons[index] ?? "stop", message.tool_calls?.length ?? 0, message, names),
        };
      });
    },
  };
}
