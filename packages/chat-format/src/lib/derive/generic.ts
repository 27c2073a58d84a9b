// Owns the format that a model is told in words when its template has none: calls as most families write them.
import { type AnswerItem, type Syntax, blank, literal, sequence } from "../syntax.ts";
import { thoughtItems, usualThoughts } from "./derive-thoughts.ts";

export const genericCall: Syntax = sequence(
  literal("<tool_call>"),
  blank("\n"),
  { kind: "object", name: "name", arguments: "arguments" },
  blank("\n"),
  literal("</tool_call>"),
);

export const genericCalls: readonly AnswerItem[] = [
  { at: "anywhere", syntax: genericCall },
  // A model that forgets the tag around its only call.
  { at: "start", syntax: { kind: "object", name: "name", arguments: "arguments" } },
];

export const genericAnswer: readonly AnswerItem[] = [...thoughtItems(usualThoughts), ...genericCalls];
