// Owns LFM2 and LFM2.5: calls as a Python list, `<|tool_call_start|>[weather(city="Paris", days=3)]<|tool_call_end|>`, or as a JSON list
// if the system prompt asks for one. Source: Liquid AI's description, and the template of LFM2.5-8B, the only template that writes calls.
// This template does not escape quotes within strings.
import { thoughtItems, usualThoughts } from "../derive/derive-thoughts.ts";
import { type ValueArguments, anywhere, blank, callObject, choice, literal, optional, sequence } from "../syntax.ts";
import type { Family } from "./family.ts";

export const pythonArguments: ValueArguments = {
  kind: "values",
  open: "(",
  close: ")",
  assign: "=",
  separator: ", ",
  colon: ": ",
  quotedKeys: true,
  quotes: [
    { text: '"', escapes: true },
    { text: "'", escapes: true },
  ],
  words: { true: "True", false: "False", null: "None" },
};

const telling = ["<|tool_list_start|>", "<|tool_call_start|>", "List of tools: ["];

export const lfm2: Family = {
  name: "lfm2",
  isFamily: (template) => telling.some((text) => template.includes(text)),
  answer: [
    ...thoughtItems(usualThoughts),
    anywhere(
      literal("<|tool_call_start|>"),
      blank(),
      literal("["),
      blank(),
      choice(
        {
          kind: "repeat",
          item: sequence({ kind: "name", until: ["("] }, { kind: "arguments", syntax: pythonArguments }),
          separator: ", ",
        },
        { kind: "repeat", item: callObject, separator: ", " },
      ),
      blank(),
      optional(literal("]")),
      blank(),
      optional(literal("<|tool_call_end|>")),
    ),
  ],
};
