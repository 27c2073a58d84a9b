// Owns gpt-oss: messages in channels, `<|channel|>analysis<|message|>…<|end|>`, each with a header that may name its recipient. The
// recipient of a call is `functions.weather`, in the channel's header or, as in the template, after the role. A message to
// one of the model's built-in tools (code, browsing) is skipped. Source: OpenAI's harmony format and the template.
import { type AnswerItem, type Syntax, blank, choice, literal, markerItem, optional, sequence } from "../syntax.ts";
import type { Family } from "./family.ts";

const ends = ["<|end|>", "<|return|>", "<|call|>"];
const end = optional(choice(...ends.map(literal)));
const message = literal("<|message|>");
const json = sequence(blank(" "), optional(literal("<|constrain|>")), optional(literal("json")));

/** A channel's text, with or without a type in the header. */
const said = (part: "content" | "reasoning"): Syntax =>
  sequence(optional(json), message, { kind: "text", part, until: [...ends, "<|start|>", "<|channel|>"] }, end);

/** @param header syntax between the tool's name and the type of the arguments */
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

/** Recipients after `to=` that are not tools of the request. Some models name themselves, and then begin another channel. */
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
    // Requests without tools skip the items above, and use the items below.
    channel(to(...toOthers)),
    { at: "start", syntax: to(...toOthers) },
    { at: "anywhere", connects: true, syntax: sequence(literal("<|start|>"), literal("assistant")) },
    ...ends.map(markerItem),
  ],
};
