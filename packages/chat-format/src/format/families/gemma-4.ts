// Owns Gemma 4: thoughts in a channel, `<|channel>thought\n…<channel|>`, and calls as `<|tool_call>call:weather{city:<|"|>Paris<|"|>}<tool_call|>`.
// Source: the template and Google's description of its prompts. Channels may be opened twice or closed without having been opened, and an
// empty one may follow the content.
import { type AnswerItem, type ValueArguments, blank, literal, optional, sequence } from "../syntax.ts";
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

const alone = (text: string): AnswerItem => ({ at: "anywhere", syntax: literal(text) });

export const gemma4: Family = {
  name: "gemma-4",
  isFamily: (template) => template.includes("<|tool_call>call:"),
  // After a tool's result the turn continues.
  turnOpens: ["<|turn>model\n", "<tool_response|>"],
  answer: [
    {
      at: "anywhere",
      syntax: sequence(
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
    },
    {
      at: "anywhere",
      syntax: sequence(
        literal("<|tool_call>"),
        literal("call:"),
        { kind: "name", until: ["{"] },
        { kind: "arguments", syntax: gemmaArguments },
        optional(literal("<tool_call|>")),
      ),
    },
    ...["<channel|>", "<turn|>", "<|tool_response>"].map(alone),
    { at: "start", syntax: sequence(literal("<|turn>"), literal("model")) },
  ],
};
