// Owns the choices of a text completion: what the model says, as it is.
import { choiceOf, completionLogprobs } from "./answer.ts";
import { createCollectedLogprobs } from "../../collected-logprobs.ts";
import { reasonsOf } from "./framing.ts";
import type { ChoiceCollector, ChoiceStream, Completion, CompletionOptions } from "./framing.ts";

export const textCompletion: Completion = {
  idPrefix: "cmpl",
  streamObject: "text_completion",
  wholeObject: "text_completion",
  stream: streamedChoices,
  collect: collectedChoices,
};

function streamedChoices({ choices, logprobs }: CompletionOptions): ChoiceStream {
  /** Characters of each choice so far. */
  const lengths = Array.from({ length: choices }, () => 0);
  return {
    opening: () => [],
    piece(token) {
      const index = choiceOf(token);
      const offset = lengths[index];
      if (offset === undefined) return [];
      lengths[index] = offset + token.text.length;
      const shown = logprobs ? completionLogprobs(token.logprobs ?? [], offset) : null;
      return [{ index, text: token.text, logprobs: shown, finish_reason: null }];
    },
    silence: () => ({ index: 0, text: "", logprobs: null, finish_reason: null }),
    closing: (end) =>
      reasonsOf(end, choices).map((reason, index) => ({ index, text: "", logprobs: null, finish_reason: reason })),
  };
}

function collectedChoices({ choices, logprobs }: CompletionOptions): ChoiceCollector {
  const texts = Array.from({ length: choices }, () => "");
  const collected = createCollectedLogprobs(choices);
  return {
    add(token) {
      const index = choiceOf(token);
      const text = texts[index];
      if (text === undefined) return;
      texts[index] = text + token.text;
      if (token.logprobs !== undefined) collected.add(index, token.logprobs);
    },
    choices(end) {
      const reasons = reasonsOf(end, choices);
      return texts.map((text, index) => ({
        index,
        text,
        logprobs: logprobs ? completionLogprobs(collected.of(index), 0) : null,
        finish_reason: reasons[index] ?? end.finish_reason,
      }));
    },
  };
}
