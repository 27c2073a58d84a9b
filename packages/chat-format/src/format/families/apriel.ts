// Owns Apriel 1.6. Plain words open its thoughts: the prompt ends with `Here are my reasoning steps:`, and `[BEGIN FINAL RESPONSE]` ends the
// thought. Source: the template.
import { thoughtItems } from "../derive/derive-thoughts.ts";
import { anywhere, blank, callObject, literal, markerItem, optional } from "../syntax.ts";
import type { Family } from "./family.ts";

const begin = "Here are my reasoning steps:";
const end = "[BEGIN FINAL RESPONSE]";

export const apriel: Family = {
  name: "apriel",
  isFamily: (template) =>
    template.includes(begin) && template.includes(end) && template.includes("<|begin_assistant|>"),
  turnOpens: ["<|begin_assistant|>\n"],
  answer: [
    ...thoughtItems({ open: begin, close: end }),
    anywhere(
      literal("<tool_calls>"),
      blank(),
      literal("["),
      blank(),
      { kind: "repeat", item: callObject, separator: ", " },
      blank(),
      literal("]"),
      blank(),
      optional(literal("</tool_calls>")),
    ),
    ...["<|end|>", "<|begin_assistant|>"].map(markerItem),
  ],
};
