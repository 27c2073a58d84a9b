// Builds the choices of a text completion from the generated text. With `echo`, the prompt precedes the text; with `best_of`, only the best choices
// are returned.
import type { Logprob, TextCompletion, TokenEvent } from "@waggle/protocol";
import { choiceOf, completionLogprobs, createTextOffsets } from "./answer.ts";
import type { CompleteReason, TextLogprob, TextOffsets } from "./answer.ts";
import { createCollectedLogprobs } from "../../generation/collected-logprobs.ts";
import { reasonsOf } from "./framing.ts";
import type { ChoiceCollector, ChoiceStream, Completion, CompletionOptions } from "./framing.ts";

type Choice = TextCompletion["choices"][number];

export interface TextOptions {
  /** The prompt to send before the answer of this choice. Called when the choice's job has produced text, or has ended. */
  readonly echo?: ((choice: number) => Echo) | undefined;
  /**
   * `of`: number of successive choices with the same prompt. `shown`: number of choices to return for each prompt, most probable first. A stream
   * returns all choices.
   */
  readonly best?: { readonly of: number; readonly shown: number } | undefined;
}

export interface Echo {
  readonly text: string;
  readonly logprobs: readonly TextLogprob[];
}

const noEcho: Echo = { text: "", logprobs: [] };

export function textCompletion(text: TextOptions = {}): Completion {
  return {
    idPrefix: "cmpl",
    streamObject: "text_completion",
    wholeObject: "text_completion",
    stream: (options) => streamedChoices(options, text),
    collect: (options) => collectedChoices(options, text),
  };
}

function streamedChoices({ choices, logprobs }: CompletionOptions, { echo }: TextOptions): ChoiceStream {
  /** By choice; undefined until the choice has sent text or an echo. */
  const offsets: (TextOffsets | undefined)[] = [];

  function chunk(index: number, text: string, entries: readonly TextLogprob[]): Choice {
    const offsetsOf = (offsets[index] ??= createTextOffsets());
    const shown = logprobs ? completionLogprobs(entries, offsetsOf(entries)) : null;
    return { index, text, logprobs: shown, finish_reason: null };
  }

  function echoed(index: number): Choice[] {
    if (echo === undefined || offsets[index] !== undefined) return [];
    const said = echo(index);
    const shown = chunk(index, said.text, said.logprobs);
    offsets[index] = createTextOffsets(said.text.length);
    return [shown];
  }

  return {
    opening: () => [],
    piece(token) {
      const index = choiceOf(token);
      if (index >= choices) return [];
      return [...echoed(index), chunk(index, token.text, token.logprobs ?? [])];
    },
    silence: () => ({ index: 0, text: "", logprobs: null, finish_reason: null }),
    closing: (end) =>
      reasonsOf(end, choices).flatMap((reason, index) => [
        ...echoed(index),
        { index, text: "", logprobs: null, finish_reason: reason },
      ]),
  };
}

function collectedChoices({ choices, logprobs }: CompletionOptions, { echo, best }: TextOptions): ChoiceCollector {
  const texts = Array.from({ length: choices }, () => "");
  const collected = createCollectedLogprobs(choices);

  function choice(computed: number, index: number, reason: CompleteReason): Choice {
    const before = echo?.(computed) ?? noEcho;
    const said = collected.of(computed);
    const offsets = [...createTextOffsets()(before.logprobs), ...createTextOffsets(before.text.length)(said)];
    return {
      index,
      text: before.text + (texts[computed] ?? ""),
      logprobs: logprobs ? completionLogprobs([...before.logprobs, ...said], offsets) : null,
      finish_reason: reason,
    };
  }

  return {
    add(token: TokenEvent) {
      const index = choiceOf(token);
      const text = texts[index];
      if (text === undefined) return;
      texts[index] = text + token.text;
      if (token.logprobs !== undefined) collected.add(index, token.logprobs);
    },
    choices(end) {
      const reasons = reasonsOf(end, choices);
      const means = texts.map((_, index) => meanOf(collected.of(index)));
      return shownOf(means, best).map((computed, index) => choice(computed, index, reasons[computed] ?? "stop"));
    },
  };
}

/** Indexes of the returned choices, in order. */
function shownOf(means: readonly number[], best: TextOptions["best"]): readonly number[] {
  const all = [...means.keys()];
  if (best === undefined) return all;
  const meanAt = (index: number): number => means[index] ?? -Infinity;
  return all
    .filter((index) => index % best.of === 0)
    .flatMap((first) =>
      all
        .slice(first, first + best.of)
        .toSorted((a, b) => meanAt(b) - meanAt(a))
        .slice(0, best.shown),
    );
}

function meanOf(entries: readonly Logprob[]): number {
  return entries.length === 0 ? -Infinity : entries.reduce((sum, { logprob }) => sum + logprob, 0) / entries.length;
}
