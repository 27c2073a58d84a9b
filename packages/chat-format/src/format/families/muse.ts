// Owns Muse Glimmer: an answer is one or several messages. The recipient in a message's header shows the kind of the message: `<|start|>assistant
// to=self<|message|>` begins a thought, `to=user` means content, and a tool's name means a call. Source: the template.
import { type AnswerItem, anywhere, blank, choice, literal, markerItem, optional, sequence, tags } from "../syntax.ts";
import type { Family } from "./family.ts";

const start = "<|start|>assistant";
const ends = ["<|eom|>", "<|eot|>"];
const end = optional(choice(...ends.map(literal)));

function message(to: string, part: "reasoning" | "content"): AnswerItem {
  return anywhere(literal(`${start}${to}<|message|>`), { kind: "text", part, until: ends }, end);
}

const invoke = sequence(
  literal('<atem:invoke name="'),
  { kind: "name", until: ['"'] },
  literal('">'),
  blank("\n"),
  tags({
    key: { open: '<atem:parameter name="', close: '">' },
    value: { open: "", close: "</atem:parameter>" },
    separator: "\n",
  }),
  blank("\n"),
  literal("</atem:invoke>"),
);

export const muse: Family = {
  name: "muse",
  isFamily: (template) => template.includes("<atem:function_calls>") && template.includes("<|eom|>"),
  // The prompt already contains the beginning of the first message.
  turnOpens: ends,
  answer: [
    message(" to=self", "reasoning"),
    message(" to=user", "content"),
    message("", "content"),
    anywhere(
      literal(`${start} to=`),
      { kind: "name", until: ["<|message|>"] },
      literal("<|message|>"),
      blank(),
      literal("<atem:function_calls>"),
      blank("\n"),
      { kind: "repeat", item: invoke, separator: "\n" },
      blank("\n"),
      optional(literal("</atem:function_calls>")),
      end,
    ),
    ...[start, ...ends].map(markerItem),
  ],
};
