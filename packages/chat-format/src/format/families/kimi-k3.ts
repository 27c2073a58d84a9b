// Owns Kimi K3: every part of a message is a section, `<|open|>think<|sep|>…<|close|>think<|sep|>`. Arguments are sections too, and name their types.
// Source: the template.
import { type AnswerItem, anywhere, choice, literal, markerItem, optional, sequence, tags } from "../syntax.ts";
import type { Family } from "./family.ts";

const open = (tag: string): string => `<|open|>${tag}<|sep|>`;
const close = (tag: string): string => `<|close|>${tag}<|sep|>`;

const message = [close("message"), "<|end_of_msg|>"];

function part(tag: string, kind: "reasoning" | "content", ends: readonly string[]): AnswerItem {
  const until = [close(tag), ...ends, open("tools"), ...message];
  return anywhere(literal(open(tag)), { kind: "text", part: kind, until }, optional(literal(close(tag))));
}

const call = sequence(
  literal('<|open|>call tool="'),
  { kind: "name", until: ['"'] },
  literal('"'),
  // The call's number: ` index="1"`.
  { kind: "text", part: "nothing", until: ["<|sep|>"] },
  literal("<|sep|>"),
  choice(
    sequence(
      literal(open('json type="object"')),
      { kind: "arguments", syntax: { kind: "json" } },
      literal(close("json")),
    ),
    tags({
      key: { open: '<|open|>argument key="', close: '"' },
      type: {
        open: ' type="',
        close: '"',
        words: {
          ...{ string: "string", number: "number", integer: "number", boolean: "boolean" },
          ...{ null: "null", object: "object", array: "array" },
        },
      },
      value: { open: "<|sep|>", close: close("argument") },
      escapes: "xml",
    }),
  ),
  literal(close("call")),
);

export const kimiK3: Family = {
  name: "kimi-k3",
  isFamily: (template) => ["<|open|>", "<|close|>", "<|end_of_msg|>"].every((marker) => template.includes(marker)),
  turnOpens: [open('message role="assistant"')],
  answer: [
    part("think", "reasoning", [open("response")]),
    part("response", "content", []),
    anywhere(literal(open("tools")), { kind: "repeat", item: call }, optional(literal(close("tools")))),
    ...message.map(markerItem),
  ],
};
