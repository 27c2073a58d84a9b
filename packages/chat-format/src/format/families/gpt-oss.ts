// Owns gpt-oss: messages in channels, `<|channel|>analysis<|message|>…<|end|>`, each with a header that may name its recipient. Calls go to
// `functions.weather`, which is either in the channel or, as the template writes it, after the role. Source: OpenAI's harmony format
// and the template. A message for another recipient (the model's built-in tools for code and browsing) has no reader here, and is skipped.
import { type AnswerItem, type Syntax, blank, choice, literal, optional, sequence } from "../syntax.ts";
import type { Family } from "./family.ts";

const ends = ["<|end|>", "<|return|>", "<|call|>"];
const end = optional(choice(...ends.map(literal)));
const message = literal("<|message|>");
const json = sequence(blank(" "), optional(literal("<|constrain|>")), optional(literal("json")));

/** A channel's text; with a header that names its kind, or without one. */
const said = (part: "content" | "reasoning"): Syntax =>
  sequence(optional(json), message, { kind: "text", part, until: [...ends, "<|start|>", "<|channel|>"] }, end);

/** @param header the text between the tool's name and the arguments, next to their type */
const toTool = (...header: readonly Syntax[]): Syntax =>
  sequence(
    literal("functions."),
    { kind: "name", until: ["<|channel|>", "<|message|>", "<|constrain|>", " "] },
    ...header,
    json,
    message,
    { kind: "arguments", syntax: { kind: "json" } },
    end,
  );

const toToolInRole = toTool(
  optional(sequence(literal("<|channel|>"), choice(literal("commentary"), literal("analysis")))),
);

/** The text after `to=` outside of calls. Some models write a channel and themselves as its recipient, and begin another channel. */
const toOthers: readonly Syntax[] = [
  literal("assistant"),
  ...["python", "browser.", "container."].map((name) =>
    sequence(literal(name), { kind: "text", part: "nothing", until: [...ends, "<|start|>"] }, end),
  ),
];

const to = (...recipients: readonly Syntax[]): Syntax => sequence(blank(" "), literal("to="), choice(...recipients));

const channel = (recipient: Syntax): AnswerItem => ({
  at: "anywhere",
  syntax: sequence(
    literal("<|channel|>"),
    choice(
      sequence(literal("commentary"), choice(recipient, said("content"))),
      sequence(literal("analysis"), choice(recipient, said("reasoning"))),
      sequence(literal("final"), choice(recipient, said("content"))),
    ),
  ),
});

export const gptOss: Family = {
  name: "gpt-oss",
  isFamily: (template) => template.includes("<|channel|>") && template.includes("<|message|>"),
  answer: [
    channel(to(toTool(), ...toOthers)),
    { at: "start", syntax: to(toToolInRole, ...toOthers) },
    // For answers without tools.
    channel(to(...toOthers)),
    { at: "start", syntax: to(...toOthers) },
    { at: "anywhere", connects: true, syntax: sequence(literal("<|start|>"), literal("assistant")) },
    ...ends.map((text): AnswerItem => ({ at: "anywhere", syntax: literal(text) })),
  ],
};
