import { expect, it } from "vitest";
import { content, familyFormat, reasoning, testFamily, toolCall } from "../../testing/family-examples.ts";
import { readAnswer } from "../../testing/read-answer.ts";
import { kimiK2 } from "./kimi-k2.ts";

const [begin, end] = ["<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"];
const call = (id: string, json: string): string =>
  `<|tool_call_begin|>${id}<|tool_call_argument_begin|>${json}<|tool_call_end|>`;

testFamily(
  kimiK2,
  [...["<think>", "</think>", begin, end, "<|tool_call_begin|>", "<|tool_call_argument_begin|>", "<|tool_call_end|>"]],
  {
    "a thought, content and two calls": [
      "",
      `<think>Hm, think.</think>First this.${begin}${call("functions.book:0", '{"days": 5}')}${call("functions.now:1", "{}")}${end}`,
      [reasoning("Hm, think."), content("First this."), toolCall("book", '{"days": 5}'), toolCall("now", "{}")],
    ],
    "a thought that a call ends, without the section and the end markers": [
      "<think>",
      `Hm, think.${call("functions.now:0", "{}").replace("<|tool_call_end|>", "")}${call("functions.now:1", "{}")}`,
      [reasoning("Hm, think."), toolCall("now", "{}"), toolCall("now", "{}")],
    ],
    "an id with only a name": ["", `${begin}${call("now", "{}")}${end}`, [toolCall("now", "{}")]],
    "arguments cut off": [
      "",
      `${begin}<|tool_call_begin|>functions.book:0<|tool_call_argument_begin|>{"da`,
      [toolCall("book", '{"da')],
    ],
    "an unknown tool": [
      "",
      `${begin}${call("functions.no:0", "{}")}${end}`,
      [content(`${begin}${call("functions.no:0", "{}")}${end}`)],
    ],
  },
);

it("the reader passes on a call's id, which the template needs in the history", () => {
  const tools = [{ name: "now" }];
  const { parts } = readAnswer(familyFormat(kimiK2), [begin, call("functions.now:3", "{}"), end], { tools });
  expect(parts[0]).toEqual({ kind: "call", index: 0, name: "now", id: "functions.now:3" });
});
