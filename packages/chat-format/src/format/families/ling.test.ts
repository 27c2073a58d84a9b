import { content, reasoning, testFamily, toolCall } from "../../testing/family-examples.ts";
import { ling } from "./ling.ts";

const call = (name: string, ...args: readonly (readonly [string, string])[]): string =>
  `<tool_call>${name}\n${args.map(([key, value]) => `<arg_key>${key}</arg_key>\n<arg_value>${value}</arg_value>\n`).join("")}</tool_call>`;

testFamily(
  ling,
  [
    ...["<think>", "</think>", "<tool_call>", "</tool_call>", "<arg_key>", "</arg_key>"],
    ...["<arg_value>", "</arg_value>", "<|role_end|>"],
  ],
  {
    "a call within a thought": [
      "<think>",
      `Hm.\n${call("book", ["city", "5"], ["days", "5"])}\nDone.<|role_end|>`,
      [reasoning("Hm."), toolCall("book", '{"city": "5", "days": 5}'), content("Done.")],
    ],
    "two calls without a line break in them": [
      "<think></think>",
      "<tool_call>now</tool_call><tool_call>book<arg_key>note</arg_key><arg_value>null</arg_value><arg_key>days</arg_key><arg_value>x</arg_value></tool_call>",
      [toolCall("now", "{}"), toolCall("book", '{"note": null, "days": "x"}')],
    ],
    "a call cut off": [
      "<think></think>",
      "<tool_call>book\n<arg_key>days</arg_key>\n<arg_value>1",
      [toolCall("book", '{"days": 1')],
    ],
  },
);
