import { content, reasoning, testFamily, toolCall } from "../../testing/family-examples.ts";
import { minimaxM3 } from "./minimax-m3.ts";

const before = "]<]minimax[>[";
const element = (tag: string, ...inner: readonly string[]): string =>
  `${before}<${tag}>${inner.join("")}${before}</${tag}>`;
const invoke = (name: string, ...inner: readonly string[]): string =>
  `${before}<invoke name="${name}">${inner.join("")}${before}</invoke>\n`;
const calls = (...all: readonly string[]): string => `${before}<tool_call>\n${all.join("")}${before}</tool_call>`;

testFamily(minimaxM3, ["<mm:think>", "</mm:think>", before], {
  "content after the end of a thought without an opening": ["", "</mm:think>Hi <city>.", [content("Hi <city>.")]],
  "a thought, content and two calls": [
    "<mm:think>",
    `Hm.</mm:think>Let me see.${calls(invoke("now"), invoke("book", element("city", "<b>Oslo</b>\n"), element("days", "3")))}`,
    [
      reasoning("Hm."),
      content("Let me see."),
      toolCall("now", "{}"),
      toolCall("book", String.raw`{"city": "<b>Oslo</b>\n", "days": 3}`),
    ],
  ],
  "nested objects and lists": [
    "</mm:think>",
    calls(
      invoke(
        "book",
        element("who", element("name", "5"), element("age", "5")),
        element("tags", element("item", "1"), element("item", "b c")),
        element("stops", element("item", element("name", "A")), "\n", element("item")),
        element("note"),
      ),
      invoke("book", element("tags"), element("paid", "false")),
    ),
    [
      toolCall(
        "book",
        '{"who": {"name": "5", "age": 5}, "tags": ["1", "b c"], "stops": [{"name": "A"}, {}], "note": ""}',
      ),
      toolCall("book", '{"tags": [], "paid": false}'),
    ],
  ],
  "a list and an object that only the schema distinguishes": [
    "</mm:think>",
    calls(invoke("book", element("tags", element("tag", "1")), element("who", element("item", "x")))),
    [toolCall("book", '{"tags": ["1"], "who": {"item": "x"}}')],
  ],
  "values without types in the schema": [
    "</mm:think>",
    calls(invoke("now", element("a", element("item", "1"), element("item", "x")), element("b", element("c", "true")))),
    [toolCall("now", '{"a": [1, "x"], "b": {"c": true}}')],
  ],
  "a call cut off": [
    "</mm:think>",
    `${before}<tool_call>${before}<invoke name="book">${before}<who>${before}<name>An`,
    [toolCall("book", '{"who": {"name": "An')],
  ],
});
