import { content, reasoning, testFamily, toolCall } from "../../testing/family-examples.ts";
import { deepseekFunctionCalls, deepseekToolCalls } from "./deepseek-dsml.ts";

const parameter = (name: string, string: boolean, value: string): string =>
  `<｜DSML｜parameter name="${name}" string="${String(string)}">${value}</｜DSML｜parameter>\n`;
const invoke = (name: string, ...parameters: readonly string[]): string =>
  `<｜DSML｜invoke name="${name}">\n${parameters.join("")}</｜DSML｜invoke>\n`;

for (const [family, section] of [
  [deepseekFunctionCalls, "function_calls"],
  [deepseekToolCalls, "tool_calls"],
] as const) {
  const calls = (...all: readonly string[]): string => `<｜DSML｜${section}>\n${all.join("")}</｜DSML｜${section}>`;

  testFamily(family, ["<think>", "</think>", "｜DSML｜"], {
    content: ["<think></think>", "Hello <b>you</b>.", [content("Hello <b>you</b>.")]],
    "a thought, content and two calls": [
      "<think>",
      `Hm.</think>Let me see.\n\n${calls(invoke("now"), invoke("book", parameter("city", true, ' "Oslo"\n<b>'), parameter("days", false, "3")))}`,
      [
        reasoning("Hm."),
        content("Let me see."),
        toolCall("now", "{}"),
        toolCall("book", String.raw`{"city": " \"Oslo\"\n<b>", "days": 3}`),
      ],
    ],
    "a call that ends the thought": [
      "<think>",
      `Hm.\n\n${calls(invoke("now"))}`,
      [reasoning("Hm."), toolCall("now", "{}")],
    ],
    "a type that the model gives where the schema has none, and one that contradicts the schema": [
      "</think>",
      calls(
        invoke("now", parameter("a", true, "5"), parameter("b", false, '{"x": [1]}')),
        invoke("book", parameter("city", false, "5"), parameter("days", true, "5"), parameter("note", true, "null")),
      ),
      [toolCall("now", '{"a": "5", "b": {"x": [1]}}'), toolCall("book", '{"city": "5", "days": 5, "note": "null"}')],
    ],
    "a call cut off": [
      "</think>",
      `<｜DSML｜${section}>\n<｜DSML｜invoke name="book">\n<｜DSML｜parameter name="city" string="true">Os`,
      [toolCall("book", '{"city": "Os')],
    ],
  });
}
