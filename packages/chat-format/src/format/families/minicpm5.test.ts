import { content, reasoning, testFamily, toolCall } from "../../testing/family-examples.ts";
import { minicpm5 } from "./minicpm5.ts";

const param = (name: string, value: string): string => `<param name="${name}">${value}</param>`;

testFamily(minicpm5, ["<think>", "</think>", "<|im_end|>"], {
  "a thought, content and two calls": [
    "<think>\n",
    `Hm.\n</think>\n\nLet me see.\n<function name="now"></function>\n<function name="book">${param("city", "Oslo")}${param("days", "3")}</function><|im_end|>`,
    [reasoning("Hm."), content("Let me see."), toolCall("now", "{}"), toolCall("book", '{"city": "Oslo", "days": 3}')],
  ],
  "markup in CDATA, and values in Python's notation": [
    "",
    `<function name="book">${param("city", '<![CDATA[<b a="1">\n</param>]]>')}${param("who", "{'name': 'D\\'Arc \"J\"', 'age': 1.5}")}${param("paid", "True")}${param("note", "None")}</function>`,
    [
      toolCall(
        "book",
        String.raw`{"city": "<b a=\"1\">\n</param>", "who": {"name": "D'Arc \"J\"", "age": 1.5}, "paid": true, "note": "None"}`,
      ),
    ],
  ],
  "an unknown tool": [
    "",
    'Write <function name="other"></function>.',
    [content('Write <function name="other"></function>.')],
  ],
  "a call cut off": ["", '<function name="book"><param name="city">Os</par', [toolCall("book", '{"city": "Os</par')]],
});
