// Owns the format of models whose template has no calls: the prompt explains the syntax that most families use for calls.
import type { ChatFormat } from "../format.ts";
import { usualInputs } from "../inputs/template-inputs.ts";
import { markersOf } from "../marks.ts";
import { type AnswerItem, type Syntax, blank, callObject, literal, sequence } from "../syntax.ts";
import { thoughtItems, usualThoughts } from "./derive-thoughts.ts";

export const genericCall: Syntax = sequence(
  literal("<tool_call>"),
  blank("\n"),
  callObject,
  blank("\n"),
  literal("</tool_call>"),
);

export const genericCalls: readonly AnswerItem[] = [
  { at: "anywhere", syntax: genericCall },
  // Some models forget the tag around their only call.
  { at: "start", syntax: callObject },
];

export const genericAnswer: readonly AnswerItem[] = [...thoughtItems(usualThoughts), ...genericCalls];

/** The format that suits every model. */
export const genericFormat: ChatFormat = {
  name: "generic",
  answer: genericAnswer,
  turnOpens: [],
  markers: markersOf(genericAnswer),
  marks: [],
  // Turns contain only text.
  inputs: { ...usualInputs, tools: false, calls: false, parallelCalls: false, results: false },
  abilities: { tools: false, parallelCalls: true, thinking: "never", switches: [] },
};
