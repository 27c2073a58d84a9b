// Owns Kimi K2: `<|tool_call_begin|>functions.weather:0<|tool_call_argument_begin|>{…}<|tool_call_end|>`, all calls in one section. The
// tool's name is in the call's id. The model at times leaves out the section or the end markers, or calls a tool within a thought. Source:
// Moonshot AI's description and the templates.
import { thoughtItems, usualThoughts } from "../derive/derive-thoughts.ts";
import { type Syntax, anywhere, literal, optional, sequence } from "../syntax.ts";
import type { Family } from "./family.ts";

const [sectionBegin, callBegin] = ["<|tool_calls_section_begin|>", "<|tool_call_begin|>"];

const calls: readonly Syntax[] = [
  {
    kind: "repeat",
    item: sequence(
      literal(callBegin),
      { kind: "id", until: ["<|tool_call_argument_begin|>"], name: { open: "functions.", close: ":" } },
      literal("<|tool_call_argument_begin|>"),
      { kind: "arguments", syntax: { kind: "json" } },
      optional(literal("<|tool_call_end|>")),
    ),
  },
  optional(literal("<|tool_calls_section_end|>")),
];

export const kimiK2: Family = {
  name: "kimi-k2",
  isFamily: (template) => template.includes(sectionBegin) && template.includes(callBegin),
  answer: [
    ...thoughtItems(usualThoughts, [sectionBegin, callBegin]),
    anywhere(literal(sectionBegin), ...calls),
    anywhere(...calls),
  ],
};
