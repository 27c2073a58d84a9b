// Owns MiniMax M3: calls whose arguments are elements, `]<]minimax[>[<city>Paris]<]minimax[>[</city>`, each tag after the same
// marker. Source: the template's instructions to the model.
import { thoughtItems } from "../derive/derive-thoughts.ts";
import { anywhere, blank, literal, optional, sequence } from "../syntax.ts";
import type { Family } from "./family.ts";

const before = "]<]minimax[>[";

const call = sequence(
  literal(`${before}<invoke name="`),
  { kind: "name", until: ['"'] },
  literal('">'),
  { kind: "arguments", syntax: { kind: "elements", before, item: "item" } },
  literal(`${before}</invoke>`),
);

export const minimaxM3: Family = {
  name: "minimax-m3",
  isFamily: (template) => template.includes(before) && template.includes("<invoke name="),
  answer: [
    ...thoughtItems({ open: "<mm:think>", close: "</mm:think>" }, [`${before}<tool_call>`]),
    anywhere(
      literal(`${before}<tool_call>`),
      blank("\n"),
      { kind: "repeat", item: call, separator: "\n" },
      blank("\n"),
      optional(literal(`${before}</tool_call>`)),
    ),
  ],
  markers: [before],
};
