import { content, reasoning, testFamily, toolCall } from "../../testing/family-examples.ts";
import { muse } from "./muse.ts";

const invoke = (name: string, ...parameters: readonly (readonly [string, string])[]): string => {
  const inner = parameters.map(([key, value]) => `<atem:parameter name="${key}">${value}</atem:parameter>\n`).join("");
  return `<atem:function_calls>\n<atem:invoke name="${name}">\n${inner}</atem:invoke>\n</atem:function_calls>`;
};
const start = "<|start|>assistant";

testFamily(muse, ["<|start|>", "<|message|>", "<|eom|>", "<|eot|>"], {
  "a thought and content, with a call's markup in both": [
    start,
    ` to=self<|message|>I could ${invoke("now")}.<|eom|>${start} to=user<|message|>Write ${invoke("now")}.<|eot|>`,
    [reasoning(`I could ${invoke("now")}.`), content(`Write ${invoke("now")}.`)],
  ],
  "an empty answer": [start, "", []],
  "content without a message header": [start, "Hello.<|eot|>", [content("Hello.")]],
  "content without a recipient": [start, "<|message|>Hello.<|eot|>", [content("Hello.")]],
  "content and two calls": [
    start,
    ` to=user<|message|>Let me see.<|eom|>${start} to=now<|message|>${invoke("now")}<|eom|>${start} to=book<|message|>${invoke("book", ["city", " Oslo\n"], ["days", "3"], ["tags", '["a"]'])}<|eot|>`,
    [
      content("Let me see."),
      toolCall("now", "{}"),
      toolCall("book", String.raw`{"city": " Oslo\n", "days": 3, "tags": ["a"]}`),
    ],
  ],
  "a call cut off": [
    start,
    ` to=book<|message|><atem:function_calls>\n<atem:invoke name="book">\n<atem:parameter name="city">Os`,
    [toolCall("book", '{"city": "Os')],
  ],
});
