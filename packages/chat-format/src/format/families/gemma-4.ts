// Owns Gemma 4: thoughts in a channel, `<|channel>thought\n…<channel|>`, and calls as `<|tool_call>call:weather{city:<|"|>Paris<|"|>}<tool_call|>`.
// A channel may be opened twice or closed without an opening, and an empty channel may follow the content. Source: the template and Google's
// description of its prompts.
import { type ValueArguments, anywhere, blank, literal, markerItem, optional, sequence } from "../syntax.ts";
import type { Family } from "./family.ts";

export const gemmaArguments: ValueArguments = {
  kind: "values",
  open: "{",
  close: "}",
  assign: ":",
  separator: ",",
  colon: ":",
  quotedKeys: false,
  quotes: [
    { text: '<|"|>', escapes: false },
    { text: '"', escapes: true },
  ],
  words: { true: "true", false: "false", null: "null" },
  sortedNames: true,
};

export const gemma4: Family = {
  name: "gemma-4",
  isFamily: (template) => template.includes("<|tool_call>call:"),
  // The turn continues after a tool's result.
  turnOpens: ["<|turn>model\n", "<tool_response|>"],
  answer: [
    anywhere(
      literal("<|channel>"),
      optional(
        sequence(
          literal("thought"),
          blank("\n"),
          { kind: "text", part: "reasoning", until: ["<channel|>"] },
          optional(literal("<channel|>")),
        ),
      ),
    ),
    anywhere(
      literal("<|tool_call>"),
      literal("call:"),
      { kind: "name", until: ["{"] },
      { kind: "arguments", syntax: gemmaArguments },
      optional(literal("<tool_call|>")),
    ),
    ...["<channel|>", "<turn|>", "<|tool_response>"].map(markerItem),
    { at: "start", syntax: sequence(literal("<|turn>"), literal("model")) },
  ],
};
