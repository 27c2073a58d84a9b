// Owns Ling 3.0: `<tool_call>x<arg_key>a</arg_key><arg_value>v</arg_value></tool_call>`; a call may end a thought, and the end-of-turn marker may be
// plain text. Source: the template, and llama.cpp's tests of this template.
import { thoughtItems, usualThoughts } from "../derive/derive-thoughts.ts";
import { anywhere, blank, literal, markerItem, tags } from "../syntax.ts";
import type { Family } from "./family.ts";

const open = "<tool_call>";

export const ling: Family = {
  name: "ling",
  isFamily: (template) => template.includes("<role>ASSISTANT</role>") && template.includes("<arg_key>"),
  answer: [
    ...thoughtItems(usualThoughts, [open]),
    anywhere(
      literal(open),
      { kind: "name", until: ["\n", "<arg_key>", "</tool_call>"] },
      blank("\n"),
      tags({
        key: { open: "<arg_key>", close: "</arg_key>" },
        value: { open: "\n<arg_value>", close: "</arg_value>" },
        separator: "\n",
      }),
      blank("\n"),
      literal("</tool_call>"),
    ),
    markerItem("<|role_end|>"),
  ],
};
